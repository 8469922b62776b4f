// The console's frame: who is signed in, where they are, and the page for it. A page is a module in pages/ with
// `title` and `open(place, into)`, which may return what ends it.

import { get, provedBy, send, signedIn, Refused } from "./api.js";
import { h, show } from "./dom.js";
import * as live from "./live.js";
import { prove } from "./prove.js";
import { language, languages, said, speak, t } from "./words.js";

export const BASE = "/console";
const STAFF = ["technician", "admin"];
const EVERYBODY = ["rider", ...STAFF];
const PAGES = [
  // path below BASE, module, who sees it in the menu (none: it is not in the menu), what of the menu it belongs to
  { path: /^$/, module: "fleet", menu: STAFF, link: "" },
  { path: /^attention$/, module: "attention", menu: STAFF, link: "attention" },
  { path: /^jobs$/, module: "jobs", menu: STAFF, link: "jobs" },
  { path: /^jobs\/(?<job>[0-9a-f]{16})$/, module: "jobs", link: "jobs" },
  { path: /^claims$/, module: "claims", menu: STAFF, link: "claims" },
  { path: /^rides$/, module: "rides", menu: EVERYBODY, link: "rides" },
  { path: /^rides\/(?<ride>[0-9a-f]{32})$/, module: "ride", link: "rides" },
  { path: /^tickets$/, module: "tickets", menu: EVERYBODY, link: "tickets" },
  { path: /^tickets\/(?<ticket>[0-9A-Za-z-]{10})$/, module: "ticket", link: "tickets" },
  { path: /^zones$/, module: "zones", menu: STAFF, link: "zones" },
  { path: /^locks\/(?<lock>[0-9a-f]{16})$/, module: "lock", link: "" },
  { path: /^office$/, module: "office", menu: STAFF, link: "office" },
  { path: /^bikes$/, module: "bikes", link: "office" },
  { path: /^people$/, module: "people", link: "office" },
  { path: /^groups$/, module: "groups", link: "office" },
  { path: /^clients$/, module: "clients", link: "office" },
  { path: /^webhooks$/, module: "webhooks", link: "office" },
  { path: /^operators$/, module: "operators", link: "office" },
  { path: /^releases$/, module: "releases", link: "office" },
  { path: /^exports$/, module: "exports", link: "office" },
  { path: /^audit$/, module: "audit", link: "office" },
];
const frame = { nav: document.querySelector("nav"), who: document.querySelector("#who"), main: document.querySelector("main") };
let me = null;
let ending = () => {};
let visited = 0; // a page that was left while it loaded draws nothing

/** Where a link leads: place("locks", id). */
export function place(...parts) {
  return [BASE, ...parts].filter(Boolean).join("/");
}

/** To another page, without loading the frame again. */
export function go(path) {
  history.pushState(null, "", path);
  return enter();
}

async function start() {
  document.documentElement.lang = language;
  document.querySelector("#skip").textContent = t("frame.skip");
  document.addEventListener("click", follow);
  addEventListener("popstate", enter);
  provedBy(prove);
  try {
    me = await get("/me");
  } catch (refused) {
    if (refused.code !== "sign_in") return fail(refused);
  }
  return me ? welcome(me) : askWho();
}

async function askWho() {
  const { open } = await import("./pages/sign_in.js");
  show(frame.nav);
  document.title = `${t("sign_in.title")} · Ringslot`;
  open(frame.main, async () => welcome((me = await get("/me"))));
}

function welcome(person) {
  signedIn(person.csrf);
  const links = PAGES.filter((page) => page.menu?.includes(person.role));
  show(frame.nav, h("ul", {}, links.map((page) => h("li", {}, h("a", { href: place(page.link) }, t(`${page.module}.title`))))));
  const tongues = Object.entries(languages).map(([tag, name]) => h("option", { value: tag, selected: tag === language }, name));
  show(
    frame.who,
    h("a", { href: "/account" }, `${person.login} · ${t(`role.${person.role}`)}`),
    h("select", { "aria-label": t("frame.language"), onchange: (event) => change(event.target.value) }, tongues),
    h("button", { type: "button", onclick: leave }, t("frame.sign_out")),
  );
  return enter();
}

/** Of this browser, and of the mails that one gets. */
async function change(tag) {
  await send("PATCH", "/me", { language: tag }).catch(() => {}); // a lost link: the page changes all the same
  speak(tag);
}

async function leave() {
  live.close();
  await send("DELETE", "/sessions").catch(() => {}); // signed out already is as good
  location.assign(BASE);
}

async function enter() {
  const visit = ++visited;
  ending();
  ending = () => {};
  const path = location.pathname.slice(BASE.length).replace(/^\/|\/$/g, "");
  if (path === "" && me.role === "rider") return go(place("rides")); // the fleet is staff's
  const page = PAGES.find((one) => one.path.test(path));
  if (!page) return show(frame.main, h("h1", {}, t("frame.nothing")), h("a", { href: place() }, t("fleet.title")));
  show(frame.main, h("p", { class: "soft", role: "status" }, t("frame.loading")));
  try {
    const found = await import(`./pages/${page.module}.js`);
    if (visit !== visited) return;
    for (const link of frame.nav.querySelectorAll("a")) mark(link, page);
    const heading = h("h1", { tabindex: "-1" });
    const into = h("div", {}, heading);
    show(frame.main, into);
    entitle(heading, t(`${page.module}.title`));
    const ends = (await found.open(path.match(page.path).groups ?? {}, into, heading, me)) ?? (() => {});
    if (visit !== visited) return ends();
    ending = ends;
    heading.focus({ preventScroll: true }); // a screen reader says where one is
  } catch (refused) {
    if (visit === visited) fail(refused);
  }
}

/** What a page is called, in its heading and in the browser's tab, unless it was left meanwhile. */
export function entitle(heading, text) {
  heading.textContent = text;
  if (heading.isConnected) document.title = `${text} · Ringslot`;
}

function mark(link, page) {
  if (link.pathname === place(page.link)) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
}

function fail(refused) {
  if (!(refused instanceof Refused)) throw refused;
  if (refused.code === "sign_in") return askWho();
  if (refused.code === "second_factor_needed") return location.assign("/account"); // where one gets one
  return show(
    frame.main,
    h("p", { class: "alarm", role: "alert" }, said(refused)),
    h("button", { type: "button", onclick: () => location.reload() }, t("frame.again")),
  );
}

/** Links of ours change the page only; new tabs, downloads and other places are the browser's. */
function follow(event) {
  const link = event.target.closest("a");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || !`${link.pathname}/`.startsWith(`${BASE}/`)) return;
  event.preventDefault();
  go(link.href);
}

start();
