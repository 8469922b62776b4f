// Who is there? The session becomes a cookie that no script can read.

import { h, show } from "../../console/dom.js";
import { part } from "../keep/api.js";
import { act, form, soft, way } from "../ui.js";
import { t } from "../words.js";

/** `done()` once somebody is signed in. */
export function ask(into, app, done) {
  const fields = {
    login: { label: t("sign_in.login"), autocomplete: "username webauthn", autocapitalize: "none", required: true },
    password: { label: t("sign_in.password"), type: "password", autocomplete: "current-password", required: true },
    code: { label: t("sign_in.code"), autocomplete: "one-time-code", autocapitalize: "none", hidden: true },
  };
  const asked = form(fields, t("sign_in.button"), async (values) => {
    try {
      await app.rider.signIn({ ...values, code: values.code || null });
    } catch (refused) {
      if (refused.code === "second_factor") asked.querySelectorAll("label")[2].hidden = false;
      throw refused;
    }
    await done();
  });
  const passkeys = typeof PublicKeyCredential === "function" && "parseCreationOptionsFromJSON" in PublicKeyCredential;
  show(
    into,
    h("h1", {}, t("sign_in.title")),
    soft(t("sign_in.why")),
    asked,
    passkeys && act(t("sign_in.passkey"), byPasskey, "quiet"),
    h("p", { class: "ways" }, way(t("join.title"), app.place("join"), ""), way(t("sign_in.help"), "/account", "")),
  );

  async function byPasskey() {
    const { prove } = await part(import("../../console/passkey.js"));
    const { options } = await app.rider.send("POST", "/passkey-challenges");
    await app.rider.signIn({ passkey: await prove(options) });
    await done();
  }
}
