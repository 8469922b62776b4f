// Forms and buttons that change something: what is refused is said beside them, and nothing is sent twice at once.

import { h, show } from "./dom.js";
import { said, t } from "./words.js";

/** A form of fields by the name of what is sent: {label, kind, value, choices, hint, ...attributes}. `kind`: text, area,
 *  select or boxes with `choices` [[value, word]], check, file (a list of them), or a type of input. `submit(values, form)` gets what was filled in;
 *  what is empty is null. The form has `fields`, the elements by name. */
export function form(name, fields, button, submit, look = {}) {
  const drawn = Object.entries(fields).filter(([, one]) => one).map(([key, one]) => [key, field(key, one)]);
  const wrong = h("p", { class: "wrong", role: "alert" });
  const send = h("button", {}, button);
  const element = h("form", { class: "form", "aria-label": name, onsubmit: go }, look.before, drawn.map(([, one]) => one.label), wrong, h("p", { class: "row" }, send, look.after));
  element.fields = Object.fromEntries(drawn.map(([key, one]) => [key, one.input]));
  return element;

  async function go(event) {
    event.preventDefault();
    send.disabled = true;
    show(wrong);
    try {
      await submit(Object.fromEntries(drawn.map(([key, one]) => [key, one.value()])), element);
    } catch (refused) {
      show(wrong, sentence(refused));
    } finally {
      send.disabled = false;
    }
  }
}

function field(key, { label, kind = "text", choices, value, hint, ...attributes }) {
  if (kind === "boxes") return boxes(key, label, choices, value ?? []);
  const options = choices?.map(([one, word]) => h("option", { value: one, selected: one === value }, word));
  const input =
    kind === "select"
      ? h("select", { name: key, ...attributes }, options)
      : kind === "area"
        ? h("textarea", { name: key, rows: 4, ...attributes, value: value ?? "" })
        : kind === "check"
          ? h("input", { name: key, type: "checkbox", ...attributes, checked: value })
          : h("input", { name: key, type: kind, ...attributes, value: value ?? "" }); // a file's can only be emptied
  const note = hint && h("span", { class: "hint" }, hint);
  return {
    input,
    label: kind === "check" ? h("label", { class: "check" }, input, label, note) : h("label", {}, label, note, input),
    value: () => VALUES[kind]?.(input) ?? (input.value || null),
  };
}

const VALUES = {
  check: (input) => input.checked,
  file: (input) => [...input.files],
  number: (input) => (input.value === "" ? null : Number(input.value)),
};

function boxes(key, label, choices, chosen) {
  const inputs = choices.map(([one]) => h("input", { type: "checkbox", name: key, value: one, checked: chosen.includes(one) }));
  const lines = choices.map(([, word], index) => h("label", { class: "check" }, inputs[index], word));
  return {
    input: inputs,
    label: h("fieldset", {}, h("legend", {}, label), lines),
    value: () => inputs.filter((one) => one.checked).map((one) => one.value),
  };
}

/** A button that does something; `sure` is asked first. A refusal is said after it. */
export function button(label, work, { sure, class: look, name } = {}) {
  const wrong = h("span", { class: "wrong", role: "alert" });
  const made = h("button", { type: "button", class: look ?? "quiet", "aria-label": name, onclick: go }, label);
  return h("span", { class: "act" }, made, wrong);

  async function go() {
    if (sure && !confirm(sure)) return;
    made.disabled = true;
    show(wrong);
    try {
      await work();
    } catch (refused) {
      show(wrong, sentence(refused));
    } finally {
      made.disabled = false;
    }
  }
}

/** Something that is shown this once: keys, codes. It stays until somebody says that they have it. */
export function once(into, what, lines) {
  const kept = h("button", { type: "button", onclick: () => show(into) }, t("once.kept"));
  const text = h("pre", { tabindex: "0", "aria-label": what }, lines.join("\n"));
  show(into, h("section", { class: "once", role: "alert" }, h("h2", {}, what), h("p", {}, t("once.why")), text, kept));
  text.focus();
}

/** Facts as pairs: [[name, value]]. */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function sentence(refused) {
  if (refused.name === "NotAllowedError") return ""; // a passkey's: the browser has said so itself
  if (refused.code === undefined) throw refused; // a fault of ours, for the browser's console
  return said(refused);
}
