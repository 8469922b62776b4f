// A new rider: by e-mail, where the mailed link leads to the account page; or by a name, without any address.

import { h, show } from "../../console/dom.js";
import { form, soft, way } from "../ui.js";
import { language, t } from "../words.js";

export function open(into, _place, app) {
  const mailed = h("div", { role: "status" });
  const email = { email: { label: t("join.email"), type: "email", autocomplete: "email", required: true } };
  const named = {
    login: { label: t("join.login"), autocomplete: "username", autocapitalize: "none", minlength: 3, maxlength: 64, required: true },
    password: { label: t("sign_in.password"), hint: t("join.password"), type: "password", autocomplete: "new-password", minlength: 10, maxlength: 128, required: true },
  };
  show(
    into,
    h("h1", {}, t("join.title")),
    form(email, t("join.mail"), async (given) => {
      await app.rider.send("POST", "/sign-ups", { ...given, language });
      show(mailed, h("p", { class: "good" }, t("join.mailed", given)));
    }),
    mailed,
    h("details", {}, h("summary", {}, t("join.without")), soft(t("join.without_why")), form(named, t("join.button"), byName)),
    h("p", { class: "ways" }, way(t("join.known"), app.place(), "")),
  );

  async function byName(given) {
    await app.rider.send("POST", "/users", given);
    await app.rider.signIn(given);
    await app.go(app.place());
  }
}
