// What I wrote to those who look after the bikes, and where each stands.

import { h, show } from "../../console/dom.js";
import { soft } from "../ui.js";
import { t, when } from "../words.js";

export async function open(into, _place, app) {
  const { tickets, stale } = await app.rider.messages();
  const newest = [...tickets].sort((one, other) => other.opened_at - one.opened_at);
  const line = (one) => h("a", { href: app.place("messages", one.ticket_id) }, h("strong", {}, one.subject), h("span", {}, t(`message.${one.outcome ?? one.state}`)), h("small", {}, when(one.opened_at)));
  show(into, h("h1", {}, t("messages.title")), stale && h("p", { class: "note" }, t("messages.stale")), newest.length ? h("ul", { class: "list" }, newest.map((one) => h("li", {}, line(one)))) : soft(t("messages.none")));
}
