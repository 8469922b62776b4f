// Buttons and forms: what is refused is said beside them, nothing is done twice at once, and every wait has an end.

import { h, show } from "../console/dom.js";
import { said, t } from "./words.js";

/** A link that looks like a button. */
export function way(label, href, look = "button") {
  return h("a", { class: look, href }, label);
}

/** A button that does something. */
export function act(label, work, look) {
  const wrong = h("p", { class: "wrong", role: "alert" });
  const made = h("button", { type: "button", class: look, onclick: () => once(made, wrong, work) }, label);
  return h("div", { class: "act" }, made, wrong);
}

/** A form of inputs by name: {login: {label, hint, ...attributes of the input}}; a `text` of many lines has `rows`, a
 *  choice has `choices` [[value, word]]. `work(values)` gets what was filled in, trimmed. */
export function form(fields, label, work) {
  const wrong = h("p", { class: "wrong", role: "alert" });
  const inputs = Object.entries(fields).map(([name, one]) => field(name, one));
  const send = h("button", {}, label);
  const values = () => Object.fromEntries(inputs.map(({ input }) => [input.name, input.type === "password" ? input.value : input.value.trim()]));
  const submit = (event) => (event.preventDefault(), once(send, wrong, () => work(values())));
  return h("form", { class: "card", onsubmit: submit }, inputs.map((one) => one.line), send, wrong);
}

function field(name, { label, hint, choices, hidden, ...attributes }) {
  const input = choices
    ? h("select", { name, ...attributes }, choices.map(([value, word]) => h("option", { value }, word)))
    : h(attributes.rows ? "textarea" : "input", { name, ...attributes });
  return { input, line: h("label", { hidden }, label, input, hint && h("small", {}, hint)) };
}

async function once(pressed, wrong, work) {
  if (pressed.ariaDisabled === "true") return; // it keeps the focus while it works
  pressed.ariaDisabled = "true";
  show(wrong);
  try {
    await work();
  } catch (refused) {
    // a passkey's: the browser has said so itself
    if (refused.name !== "NotAllowedError") show(wrong, said(refused), refused.code === "sign_in" && way(t("sign_in.title"), "/app/"));
    if (refused.code === undefined && !(refused instanceof DOMException)) throw refused; // ours: for the console too
  } finally {
    pressed.ariaDisabled = null;
  }
}

/** Facts as pairs: [[name, value]]. */
export function facts(pairs) {
  return h("dl", {}, pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

export function soft(...text) {
  return h("p", { class: "soft" }, text);
}

/** That something is under way. */
export function busy(text = t("loading")) {
  return h("p", { class: "busy", role: "status" }, text);
}

/** What one calls it; of another phone's claim only the lock may be known. */
export function nameOf({ label, code, lock_id }) {
  return label ?? code ?? lock_id;
}
