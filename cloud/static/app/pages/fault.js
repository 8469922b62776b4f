// Something is wrong with a bicycle. Without a network it is kept, and told later.

import { h, show } from "../../console/dom.js";
import { form, soft, way } from "../ui.js";
import { t } from "../words.js";

const KINDS = ["brake", "tyre", "chain", "light", "saddle", "bell", "lock", "other"]; // as POST /faults takes them

export function open(into, { code }, app) {
  const fields = {
    code: { label: t("scan.code"), required: true, value: code ?? "", pattern: "[0-9A-Za-z\\-]{1,32}", autocapitalize: "characters", autocomplete: "off" },
    kind: { label: t("fault.kind"), choices: KINDS.map((kind) => [kind, t(`fault.${kind}`)]), required: true },
    text: { label: t("fault.text"), rows: 4, maxlength: 1000 },
  };
  const told = h("div", { role: "status" });
  const asked = form(fields, t("fault.button"), async (values) => {
    const { queued } = await app.rider.fault({ ...values, text: values.text || null });
    asked.remove();
    show(told, h("p", { class: "good" }, t(queued ? "fault.queued" : "fault.done")), way(t("bikes.title"), app.place()));
    told.querySelector("a").focus();
  });
  show(into, h("h1", {}, t("fault.title")), soft(t("fault.why")), asked, told);
}
