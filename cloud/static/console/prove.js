// "Is it still you?" Asked by a dialog before what is dangerous; the call that was refused then goes through.

import { Refused, send } from "./api.js";
import { h } from "./dom.js";
import { button, form } from "./form.js";
import * as passkey from "./passkey.js";
import { t } from "./words.js";

/** Resolves once the server believes it; rejects with Refused if the person gives up. */
export function prove() {
  return new Promise((done, failed) => {
    const fields = {
      password: { label: t("account.field.password"), kind: "password", autocomplete: "current-password", required: true },
      code: { label: t("sign_in.code"), autocomplete: "one-time-code", spellcheck: "false" },
    };
    const dialog = h("dialog", { "aria-label": t("account.prove"), onclose: close });
    const cancel = h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, t("frame.cancel"));
    const made = form(t("account.prove"), fields, t("account.prove.button"), give, {
      before: h("h2", {}, t("account.prove")),
      after: [passkey.there && button(t("account.prove.passkey"), byPasskey), cancel],
    });
    let proved = false;
    dialog.append(made);
    document.body.append(dialog);
    dialog.showModal();

    async function give(body) {
      await send("POST", "/sessions/proof", body);
      proved = true;
      dialog.close();
    }
    async function byPasskey() {
      const { options } = await send("POST", "/me/passkey-proofs");
      await give({ passkey: await passkey.prove(options) });
    }
    function close() {
      dialog.remove();
      if (proved) done();
      else failed(new Refused(0, "prove_again", t("problem.prove_again")));
    }
  });
}
