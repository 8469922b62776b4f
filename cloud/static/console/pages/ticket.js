// One dispute or question: what was written, by whom, until when, and how it was decided. What somebody types stays
// while the rest changes.

import { follow } from "../again.js";
import { get, send } from "../api.js";
import { entitle, place } from "../app.js";
import { h, show } from "../dom.js";
import { button, facts, form } from "../form.js";
import { t, when, word } from "../words.js";

const OUTCOMES = { dispute: ["upheld", "partly", "refused"], support: ["answered"] };
const KINDS = ["ticket.written", "ticket.answered", "ticket.acknowledged", "ticket.decided"];

export async function open({ ticket: id }, into, heading, me) {
  const staff = me.role !== "rider";
  const told = h("div");
  const answering = h("div");
  const acknowledging = h("p");
  const deciding = h("div");
  const first = await get(`/tickets/${id}`);
  show(answering, answer());
  show(acknowledging, button(t("tickets.acknowledge"), acknowledge));
  show(deciding, decide(first));
  into.append(told, answering, acknowledging, deciding);
  draw(first);
  return follow(KINDS, tell);

  async function tell() {
    draw(await get(`/tickets/${id}`));
  }

  function draw(ticket) {
    entitle(heading, ticket.subject);
    const open = ticket.state !== "decided";
    answering.hidden = staff && !open;
    acknowledging.hidden = !staff || ticket.state !== "open";
    deciding.hidden = !staff || !open;
    show(
      told,
      facts([
        [t("zones.kind"), word("ticket_kind", ticket.kind)],
        [t("rides.state"), [word("ticket", ticket.state), " ", ticket.late && h("span", { class: "tag bad" }, word("late", ticket.late))]],
        [t("tickets.number"), id],
        [t("ride.title"), ticket.ride_id ? h("a", { href: place("rides", ticket.ride_id) }, t("tickets.the_ride")) : t("none")],
        [t("tickets.acknowledge_by"), ticket.acknowledged_at ? t("tickets.did", { when: when(ticket.acknowledged_at) }) : when(ticket.acknowledge_by)],
        [t("tickets.answer_by"), when(ticket.answer_by)],
        ...(ticket.outcome ? [[t("tickets.outcome"), word("outcome", ticket.outcome)], [t("tickets.decided_by"), `${ticket.decided_by} · ${when(ticket.decided_at)}`]] : []),
      ]),
      h("ol", { class: "queue messages" }, ticket.messages.map(message)),
    );
  }

  async function acknowledge() {
    await send("POST", `/tickets/${id}/acknowledge`);
    await tell();
  }

  function answer() {
    const fields = { text: { label: t("tickets.text"), kind: "area", required: true, maxlength: 4000 } };
    return form(t("tickets.answer"), fields, t("tickets.send"), async (values, filled) => {
      await send("POST", `/tickets/${id}/messages`, values);
      filled.reset();
      await tell();
    });
  }

  function decide(ticket) {
    const fields = {
      outcome: { label: t("tickets.outcome"), kind: "select", choices: OUTCOMES[ticket.kind].map((one) => [one, word("outcome", one)]) },
      reason: { label: t("tickets.reason"), hint: t("tickets.by_name", { name: me.login }), kind: "area", required: true, maxlength: 4000 },
    };
    return form(t("tickets.decide"), fields, t("tickets.decide"), async (values) => (await send("POST", `/tickets/${id}/decision`, values), await tell()), { before: h("h2", {}, t("tickets.decide")) });
  }
}

function message(one) {
  const by = one.by === "me" && !one.staff ? t("tickets.me") : one.by === "rider" && !one.staff ? t("role.rider") : one.by;
  return h("li", {}, h("p", { class: "soft" }, by, " · ", when(one.at), " ", one.decides && h("span", { class: "tag good" }, t("tickets.decision"))), h("p", { class: "said" }, one.text));
}
