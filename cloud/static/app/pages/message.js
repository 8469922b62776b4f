// One message: what was written, by whom, until when somebody answers, and how it was decided.

import { h, show } from "../../console/dom.js";
import { facts, form, soft, way } from "../ui.js";
import { t, when } from "../words.js";

export async function open(into, { ticket: id }, app) {
  const { rider, place } = app;
  const told = h("div");
  const sent = h("p", { role: "status" });
  const fields = { text: { label: t("message.more"), rows: 4, maxlength: 4000, required: true } };
  const asked = form(fields, t("dispute.button"), async ({ text }) => {
    const { queued } = await rider.write(`/tickets/${id}/messages`, { text });
    asked.reset();
    sent.textContent = t(queued ? "dispute.queued" : "dispute.done");
    if (!queued) draw(await rider.message(id));
  });
  const first = await rider.message(id);
  draw(first);
  show(into, h("h1", {}, first.subject), told, asked, sent, h("p", { class: "ways" }, way(t("messages.title"), place("messages"), ""), first.ride_id && way(t("ride.title"), place("rides", first.ride_id), "")));

  function draw({ ticket_id, state, outcome, answer_by, decided_at, decided_by, messages, stale }) {
    show(
      told,
      stale && h("p", { class: "note" }, t("messages.stale")),
      facts([
        [t("message.number"), ticket_id],
        [t("message.state"), t(`message.${outcome ?? state}`)],
        decided_at ? [t("message.decided_by"), `${decided_by ?? t("unknown")}, ${when(decided_at)}`] : [t("message.answer_by"), when(answer_by)],
      ]),
      h("ol", { class: "list plain" }, messages.map(({ by, staff, text, at }) => h("li", {}, soft(staff ? by : t("message.me"), " · ", when(at)), h("p", { class: "said" }, text)))),
    );
  }
}
