// Who is there? The session becomes a cookie that no script can read.

import { get, send, signedIn } from "../api.js";
import { h, show } from "../dom.js";
import * as passkey from "../passkey.js";
import { said, t } from "../words.js";

/** `done()` once somebody is signed in. */
export function open(into, done) {
  const login = h("input", { name: "login", autocomplete: "username webauthn", required: true, autocapitalize: "none" });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const code = h("input", { name: "code", autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false" });
  const second = h("label", { hidden: true }, t("sign_in.code"), code);
  const wrong = h("p", { class: "wrong", role: "alert" });
  const button = h("button", {}, t("sign_in.button"));
  const form = h(
    "form",
    { class: "card", onsubmit: (event) => submit(event) },
    h("h1", {}, t("sign_in.title")),
    h("label", {}, t("sign_in.login"), login),
    h("label", {}, t("sign_in.password"), password),
    second,
    wrong,
    h("p", { class: "row" }, button, passkey.there && h("button", { type: "button", class: "quiet", onclick: byPasskey }, t("sign_in.passkey"))),
    h("p", {}, h("a", { href: "/account" }, t("sign_in.help"))),
  );
  show(into, form);
  login.focus();

  async function byPasskey({ target }) {
    target.disabled = true;
    wrong.textContent = "";
    try {
      const { options } = await send("POST", "/passkey-challenges");
      await send("POST", "/sessions/passkey", { ...(await passkey.prove(options)), cookie: true });
      signedIn((await get("/me")).csrf);
      await done();
    } catch (refused) {
      if (refused.name !== "NotAllowedError") wrong.textContent = said(refused); // the browser has said so itself
    } finally {
      target.disabled = false;
    }
  }

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    wrong.textContent = "";
    try {
      const made = await send("POST", "/sessions", {
        login: login.value,
        password: password.value,
        code: code.value.trim() || null,
        cookie: true,
      });
      if (made.enrol && location.pathname !== "/account") return location.assign("/account");
      signedIn((await get("/me")).csrf);
      await done();
    } catch (refused) {
      wrong.textContent = said(refused);
      if (refused.code === "second_factor") second.hidden = false;
      (second.hidden ? password : code).select();
    } finally {
      button.disabled = false;
    }
  }
}
