// The rider's frame: where one is, the page for it, and what is said at every page. A page is a module in pages/ with
// `open(into, place, app)`, which may return what ends it. Whoever holds a claim needs nobody's server to ride.

import { h, show } from "../console/dom.js";
import { part } from "./keep/api.js";
import { openRider } from "./keep/rider.js";
import { act, busy, way } from "./ui.js";
import { language, more, said, t } from "./words.js";

const BASE = "/app";
const SLOW_MS = 3_000; // what is sent within that is not worth a word
const RENEW_MS = 10_000; // for a new version to be fetched
const PAGES = [
  // path below BASE, module, what of the menu it belongs to
  [/^$/, "bikes", ""],
  [/^b\/(?<code>[0-9A-Za-z-]{1,32})$/, "bike", ""],
  [/^scan$/, "scan", ""],
  [/^claims$/, "claims", "claims"],
  [/^claims\/(?<claim>[0-9a-f]{16})$/, "claim", "claims"],
  [/^rides$/, "rides", "rides"],
  [/^rides\/(?<ride>[0-9a-f]{32})$/, "ride", "rides"],
  [/^rides\/(?<ride>[0-9a-f]{32})\/dispute$/, "dispute", "rides"],
  [/^messages$/, "messages", "settings"],
  [/^messages\/(?<ticket>[0-9A-Za-z-]{10})$/, "message", "settings"],
  [/^fault(\/(?<code>[0-9A-Za-z-]{1,32}))?$/, "fault", ""],
  [/^help$/, "help", "settings"],
  [/^join$/, "join", ""],
  [/^settings$/, "settings", "settings"],
  [/^service(\/(?<page>.*))?$/, "../service/service", "settings"],
];
const MENU = [["", "bikes"], ["claims", "claims"], ["rides", "rides"], ["settings", "settings"]];

const main = document.querySelector("main");
const nav = document.querySelector("nav");
const network = h("p", { id: "network", role: "status" });
const app = { place, go, renew, rider: null, tapped: false }; // tapped: this page was come to by a tap
let ending = () => {};
let slow = 0;
let renewed = false; // a newer version of the app has taken over: its pages belong to its own frame
let visited = 0; // a page that was left while it loaded draws nothing

/** Where a link leads: place("b", code). */
function place(...parts) {
  return `${BASE}/${parts.filter(Boolean).join("/")}`;
}

/** To another page, without loading the frame again. */
function go(path, { instead = false } = {}) {
  app.tapped = navigator.userActivation?.isActive ?? false;
  history[instead ? "replaceState" : "pushState"](null, "", path);
  return enter();
}

async function start() {
  document.documentElement.lang = language;
  document.querySelector("#skip").textContent = t("skip");
  nav.setAttribute("aria-label", t("menu"));
  show(nav, MENU.map(([link, page]) => h("a", { href: place(link), class: `to-${page}` }, t(`${page}.menu`))));
  main.before(network);
  document.addEventListener("click", follow);
  addEventListener("popstate", enter);
  const workers = navigator.serviceWorker;
  let had = Boolean(workers?.controller); // the first to take this page has its own version's files
  workers?.addEventListener("controllerchange", () => ([renewed, had] = [had, true]));
  workers?.register(`${BASE}/worker.js`, { scope: `${BASE}/` }).then(adopted, () => {}); // refused: it needs a network
  try {
    app.rider = await openRider();
  } catch (refused) {
    return fail(refused, t("unkept")); // a private window, or a full disk: nothing could be kept here
  }
  for (const kind of ["online", "offline"]) addEventListener(kind, connected);
  app.rider.subscribe(connected);
  await Promise.all([enter(), connected()]);
}

/** A page that was loaded while its worker was being installed is no worker's: without a network it could open no other. */
async function adopted(registration) {
  const workers = navigator.serviceWorker;
  await workers.ready;
  if (workers.controller) return;
  await registration.update().catch(() => {});
  if (!registration.installing && !registration.waiting) registration.active.postMessage("mine"); // else a newer one will, by itself
}

async function connected() {
  const waiting = await app.rider.waiting();
  clearTimeout(slow);
  if (!navigator.onLine) return show(network, t("network.away", { n: waiting }));
  if (!waiting) return show(network);
  slow = setTimeout(() => show(network, t("network.waiting", { n: waiting })), SLOW_MS);
}

async function enter() {
  if (renewed) return location.reload();
  const visit = ++visited;
  ending();
  ending = () => {};
  const path = location.pathname.slice(BASE.length).replace(/^\/|\/$/g, "");
  const [form, module, menu] = PAGES.find(([one]) => one.test(path)) ?? [/^/, "nowhere"];
  for (const link of nav.children) link.ariaCurrent = link.pathname === place(menu) && menu !== undefined ? "page" : null;
  const into = h("div");
  show(main, busy());
  try {
    const [{ open }] = await part(Promise.all([import(`./pages/${module}.js`), module !== "claim" && more()]));
    const ends = await open(into, path.match(form).groups ?? {}, app);
    if (visit !== visited) return ends?.();
    ending = ends ?? ending;
    show(main, into);
    arrive(into);
  } catch (refused) {
    if (visit === visited) fail(refused);
  }
}

/** A screen reader says where one is. */
function arrive(into) {
  const heading = into.querySelector("h1");
  document.title = `${heading?.textContent ?? ""} · Ringslot`;
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

async function fail(refused, sentence) {
  if (refused.code === "sign_in") {
    const [{ ask }] = await part(Promise.all([import("./pages/sign_in.js"), more()]));
    const into = h("div");
    ask(into, app, enter);
    show(main, into);
    return arrive(into);
  }
  const account = refused.code === "second_factor_needed" && way(t("settings.account"), "/account");
  show(main, h("h1", {}, t("sorry")), h("p", { role: "alert" }, sentence ?? said(refused)), account, act(t("again"), () => location.reload()));
  if (refused.code === undefined && !sentence) throw refused; // a fault of ours, for the browser's console
}

/** Loads the newest version of the app, if there is one; nothing that is kept is touched. */
async function renew() {
  const worker = await navigator.serviceWorker?.getRegistration(`${BASE}/`);
  await worker?.update().catch(() => {});
  const newest = worker?.installing ?? worker?.waiting;
  if (!newest) return location.reload();
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  newest.postMessage("go");
  setTimeout(() => location.reload(), RENEW_MS);
}

/** Links of ours change the page only; new tabs and other places are the browser's. */
function follow(event) {
  const link = event.target.closest("a");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || link.target) return;
  if (link.origin !== location.origin || !`${link.pathname}/`.startsWith(`${BASE}/`) || link.hash) return;
  event.preventDefault();
  go(link.href);
}

start();
