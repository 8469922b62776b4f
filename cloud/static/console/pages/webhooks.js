// Webhooks: whom we tell what changed, how that fares, and telling it again.

import { get, send } from "../api.js";
import { h, show } from "../dom.js";
import { button, facts, form, once } from "../form.js";
import { table } from "../table.js";
import { t, when, word } from "../words.js";

export async function open(_place, into, _heading, me) {
  const list = h("div");
  const secret = h("div");
  const shown = h("section");
  const { kinds } = await get("/webhooks");
  const fields = {
    url: { label: t("webhooks.url"), kind: "url", required: true, maxlength: 500 },
    kinds: { label: t("webhooks.kinds"), kind: "boxes", choices: kinds.map((kind) => [kind, kind]) },
  };
  into.append(secret, list, shown, form(t("webhooks.new"), fields, t("frame.save"), add, { before: h("h2", {}, t("webhooks.new")) }));
  await fill();

  async function add({ url, kinds }) {
    const made = await send("POST", "/webhooks", kinds.length ? { url, kinds } : { url });
    once(secret, t("webhooks.secret", made), [made.secret]);
    await fill();
  }

  async function fill() {
    const { webhooks } = await get("/webhooks");
    const columns = [
      { head: t("webhooks.url"), cell: (one) => h("code", {}, one.url) },
      { head: t("rides.state"), cell: (one) => h("span", { class: `tag ${one.state === "active" && !one.failures ? "good" : "bad"}` }, one.state === "active" && one.failures ? t("webhooks.failing", { n: one.failures }) : word("webhook", one.state)) },
      { head: t("webhooks.told"), cell: (one) => one.told, number: true },
      { head: t("frame.actions"), cell: (one) => button(t("webhooks.see"), () => see(one.hook_id), { name: t("webhooks.see_one", one) }) },
    ];
    show(list, webhooks.length ? table(t("webhooks.title"), columns, webhooks) : h("p", { class: "empty" }, t("webhooks.none")));
  }

  async function see(id) {
    const [hook, seen] = await Promise.all([get(`/webhooks/${id}`), get(`/webhooks/${id}/wanted`)]);
    const turn = async (state) => (await send("PATCH", `/webhooks/${id}/wanted`, { state }, seen), await after());
    const after = async () => Promise.all([fill(), see(id)]);
    const columns = [
      { head: t("webhooks.at"), cell: (one) => when(one.at) },
      { head: t("webhooks.event"), cell: (one) => one.event_id, number: true },
      { head: t("webhooks.answer"), cell: (one) => one.status ?? one.error },
      { head: t("webhooks.took"), cell: (one) => `${one.took_ms} ms`, number: true },
    ];
    const from = { event: { label: t("webhooks.from"), hint: t("webhooks.replay.how"), kind: "number", min: 1, required: true, value: Math.max(1, hook.told) } };
    show(
      shown,
      h("h2", { tabindex: "-1" }, hook.url),
      facts([
        [t("rides.state"), word("webhook", hook.state)],
        [t("webhooks.failures"), String(hook.failures)],
        [t("webhooks.since"), when(hook.failing_since)],
        [t("webhooks.kinds"), hook.kinds.join(" ") || t("webhooks.all")],
      ]),
      h("p", { class: "row" },
        hook.state === "paused" ? button(t("webhooks.go_on"), () => turn("active")) : button(t("webhooks.pause"), () => turn("paused")),
        button(t("webhooks.renew"), async () => once(secret, t("webhooks.secret", hook), [(await send("POST", `/webhooks/${id}/secret`)).secret]), { sure: t("webhooks.renew.sure") }),
        button(t("frame.remove"), async () => (await send("DELETE", `/webhooks/${id}`), show(shown), await fill()), { sure: t("webhooks.remove.sure", hook) }),
      ),
      form(t("webhooks.replay"), from, t("webhooks.replay"), async (values) => (await send("POST", `/webhooks/${id}/replay`, values), await after())),
      hook.tries.length > 0 && table(t("webhooks.tries"), columns, hook.tries),
    );
    shown.querySelector("h2").focus();
  }
}
