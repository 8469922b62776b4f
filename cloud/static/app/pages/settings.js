// The language, who is signed in, and what this phone keeps.

import { h, show } from "../../console/dom.js";
import { carries, carry } from "../keep/carrying.js";
import { act, facts, soft, way } from "../ui.js";
import { language, languages, said, speak, t } from "../words.js";

const STAFF = ["technician", "admin"];

export async function open(into, _place, app) {
  const { rider } = app;
  const kept = h("section", { "aria-live": "polite" });
  const tongues = Object.entries(languages).map(([tag, name]) => h("option", { value: tag, lang: tag, selected: tag === language }, name));
  const me = await rider.me();
  show(
    into,
    h("h1", {}, t("settings.title")),
    h("label", { class: "card" }, t("settings.language"), h("select", { onchange: (event) => choose(event.target.value) }, tongues)),
    h("h2", {}, t("settings.kept")),
    soft(t("settings.kept_why")),
    kept,
    h("h2", {}, t("settings.carry")),
    soft(t("settings.carry_why")),
    h("label", { class: "tick" }, h("input", { type: "checkbox", checked: carries(), onchange: (event) => carry(event.target.checked) }), t("settings.carry_on")),
    h("h2", {}, me ? t("settings.me", { login: me.login }) : t("settings.nobody")),
    me?.over && h("p", { class: "alarm" }, t("problem.sign_in"), " ", way(t("sign_in.title"), app.place(), "")),
    me
      ? [h("p", { class: "ways" }, way(t("settings.account"), "/account", "")), act(t("settings.sign_out"), leave, "quiet")]
      : way(t("sign_in.title"), app.place()),
    h("p", { class: "ways" }, STAFF.includes(me?.role) && way(t("settings.service"), app.place("service"), ""), me && way(t("messages.title"), app.place("messages"), ""), way(t("help.title"), app.place("help"), ""), way(t("fault.title"), app.place("fault"), "")),
    act(t("next.update"), app.renew, "quiet"),
  );
  await tell();
  return rider.subscribe(tell);

  async function tell() {
    const [held, waiting, refused, { batches }] = await Promise.all([rider.held(), rider.waiting(), rider.aside(), rider.keeps()]);
    show(
      kept,
      facts([[t("settings.claims"), held.filter((one) => one.ours).length], [t("settings.waiting"), waiting], [t("settings.carried"), batches]]),
      waiting > 0 && act(t("settings.deliver"), () => rider.deliver(), "quiet"),
      refused.map((one) => h("div", { class: "alarm" }, h("p", {}, t(`settings.refused.${one.kind}`), " ", said({ ...one.refused, message: one.refused.text })), act(t("settings.seen"), () => rider.dismiss(one.n), "quiet"))),
    );
  }

  async function choose(tag) {
    await rider.send("PATCH", "/me", { language: tag }).catch(() => {}); // the mails' language; the page changes all the same
    speak(tag);
  }

  async function leave() {
    await rider.signOut();
    await app.go(app.place());
  }
}
