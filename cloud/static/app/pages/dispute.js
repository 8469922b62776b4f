// Something is not right about a ride. What is written without a network is kept, and sent later.

import { h, show } from "../../console/dom.js";
import { form, soft, way } from "../ui.js";
import { t } from "../words.js";

const REASONS = ["time", "end", "mine", "receipt", "other"];

export async function open(into, { ride }, app) {
  const { rider, place } = app;
  const before = (await rider.messages().catch(() => ({ tickets: [] }))).tickets.find((one) => one.ride_id === ride);
  const fields = {
    subject: { label: t("dispute.reason"), choices: REASONS.map((one) => t(`dispute.${one}`)).map((word) => [word, word]), required: true },
    text: { label: t("dispute.text"), rows: 6, maxlength: 4000, required: true },
  };
  const told = h("div", { role: "status" });
  const asked = form(fields, t("dispute.button"), async (values) => {
    const { queued } = await rider.write("/tickets", { kind: "dispute", ride, ...values });
    asked.remove();
    show(told, h("p", { class: "good" }, t(queued ? "dispute.queued" : "dispute.done")), way(t("messages.title"), place("messages")));
    told.querySelector("a").focus();
  });
  show(
    into,
    h("h1", {}, t("ride.dispute")),
    before && [h("p", { class: "note" }, t("dispute.before")), way(before.subject, place("messages", before.ticket_id), "quiet button")],
    soft(t("dispute.why")),
    asked,
    told,
    h("p", { class: "ways" }, way(t("ride.title"), place("rides", ride), "")),
  );
}
