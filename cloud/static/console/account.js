// Everybody's own page: what links in mails lead to, how one signs in, which devices are signed in, leaving.

import { get, send, signedIn } from "./api.js";
import { h, show } from "./dom.js";
import * as passkey from "./passkey.js";
import { open as signIn } from "./pages/sign_in.js";
import { language, said, t, when } from "./words.js";

const main = document.querySelector("main");

// what a mail's link wants: #sign-up=TOKEN
const LINKS = {
  "sign-up": { ask: "password", then: (fields) => send("POST", "/sign-ups/confirm", fields) },
  reset: { ask: "password", then: (fields) => send("POST", "/resets/confirm", fields) },
  invitation: { ask: "name and password", then: join },
  address: { ask: "nothing", then: (fields) => send("POST", "/addresses/confirm", fields) },
};

async function start() {
  document.documentElement.lang = language;
  document.title = `${t("account.title")} · Ringslot`;
  const [kind, token] = location.hash.slice(1).split("=");
  history.replaceState(null, "", location.pathname); // the token stays in no history
  if (kind === "ticket" && token) return mine(token);
  return kind in LINKS && token ? follow(kind, token) : mine();
}

// ---- links

function follow(kind, token) {
  const fields = [];
  if (LINKS[kind].ask.includes("name")) fields.push(input("login", { autocomplete: "username", required: false }));
  if (LINKS[kind].ask.includes("password")) fields.push(newPassword());
  const done = async (given) => {
    await LINKS[kind].then({ token, ...given });
    show(main, h("h1", {}, t(`account.${kind}.done`)), h("p", {}, h("a", { href: "/account" }, t("account.on"))));
  };
  show(main, form(`account.${kind}`, fields, done, "h1"));
  main.querySelector("input, button").focus();
}

async function join(fields) {
  const { login, ...rest } = fields;
  try {
    await send("POST", "/staff-invitations/confirm", login ? fields : rest);
  } catch (refused) {
    if (refused.code !== "sign_in") throw refused;
    signedIn((await get("/me")).csrf); // who has an account accepts with it
    await send("POST", "/staff-invitations/accept", { token: fields.token });
  }
}

// ---- who is signed in

async function mine(number) {
  let me;
  try {
    me = await get("/me");
  } catch (refused) {
    if (refused.code !== "sign_in") throw refused;
    return stranger(number);
  }
  signedIn(me.csrf);
  if (number) return ticket(number);
  const had = await get("/me/factors");
  const whole = me.role === "rider" || me.second_factor || had.totp || had.passkeys.length > 0;
  show(
    main,
    h("h1", { tabindex: "-1" }, t("account.title")),
    h("p", { class: "soft" }, [me.login, me.email].filter(Boolean).join(" · ")),
    me.role !== "rider" && h("p", {}, whole ? h("a", { href: "/console" }, t("account.console")) : t("account.enrol")),
    factors(had),
    whole && (await tickets()),
    whole && (await devices()),
    whole && self(me),
  );
}

function stranger(number) {
  const into = h("div", {});
  show(
    main,
    into,
    form("account.ask_reset", [email()], (given) => send("POST", "/resets", { ...given, language }), "h2", "account.mailed"),
    form("account.ask_sign_up", [email()], (given) => send("POST", "/sign-ups", { ...given, language }), "h2", "account.mailed"),
  );
  signIn(into, () => mine(number));
}

function factors(had) {
  const codes = h("div", { role: "status" });
  const keys = had.passkeys.map((key) =>
    h("li", {}, `${key.name} · ${when(key.used_on)} `, remove(() => send("DELETE", `/me/passkeys/${key.passkey_id}`))),
  );
  return h(
    "section",
    {},
    h("h2", {}, t("account.factors")),
    codes,
    h("h3", {}, t("account.totp")),
    had.totp ? h("p", {}, t("account.totp.there"), " ", remove(() => send("DELETE", "/me/totp"))) : totp(codes),
    h("h3", {}, t("account.passkeys")),
    keys.length > 0 && h("ul", {}, keys),
    passkey.there && form("account.passkey", [input("name", { maxlength: 64, value: t("account.passkey.device") })], (given) => newPasskey(given, codes), "h4"),
    h("p", { class: "soft" }, t("account.codes", { n: had.recovery_codes })),
  );
}

function totp(codes) {
  const into = h("div", {});
  const begin = async () => {
    const made = await fresh(() => send("POST", "/me/totp"));
    show(
      into,
      h("img", { src: made.picture, alt: t("account.totp.picture"), width: 180 }),
      h("p", {}, t("account.totp.secret"), " ", h("code", {}, made.secret)),
      form("account.totp.confirm", [input("code", { autocomplete: "one-time-code", inputmode: "numeric" })], async (given) =>
        after(codes, await fresh(() => send("POST", "/me/totp/confirm", given))), "h4"),
    );
  };
  show(into, button("account.totp.begin", begin));
  return into;
}

async function newPasskey({ name }, codes) {
  const { options } = await fresh(() => send("POST", "/me/passkey-challenges"));
  after(codes, await send("POST", "/me/passkeys", { name, ...(await passkey.create(options)) }));
}

/** With the first factor come recovery codes: shown once, before anything else. */
async function after(codes, made) {
  if (made.recovery_codes.length === 0) return mine();
  return show(
    codes,
    h("p", {}, t("account.codes.keep")),
    h("ul", { class: "codes" }, made.recovery_codes.map((code) => h("li", {}, h("code", {}, code)))),
    button("account.codes.kept", mine),
  );
}

// ---- disputes and questions

async function tickets() {
  const { tickets: rows } = await get("/tickets");
  if (rows.length === 0) return null;
  const row = (one) => h("li", {}, h("a", { href: `#ticket=${one.ticket_id}` }, one.subject), ` · ${t(`account.ticket.${one.state}`)}`);
  return h("section", {}, h("h2", {}, t("account.tickets")), h("ul", {}, rows.map(row)));
}

async function ticket(number) {
  const one = await get(`/tickets/${number}`);
  const text = h("textarea", { name: "text", required: true, rows: 4, maxlength: 4000 });
  const answer = async (given) => (await send("POST", `/tickets/${number}/messages`, given), ticket(number));
  const said = (word) => h("li", {}, h("strong", {}, word.staff ? word.by : t("account.ticket.me")), ` · ${when(word.at)}`, h("p", { class: "words" }, word.text));
  show(
    main,
    h("h1", {}, one.subject),
    h("p", { class: "soft" }, [number, t(`account.ticket.${one.state}`), one.outcome && t(`account.outcome.${one.outcome}`)].filter(Boolean).join(" · ")),
    h("ul", {}, one.messages.map(said)),
    form("account.ticket", [text], answer, "h2"),
    h("p", {}, h("a", { href: "/account" }, t("account.title"))),
  );
}

async function devices() {
  const { sessions } = await get("/sessions");
  const row = (one) =>
    h("li", {}, `${one.device || t("unknown")} · ${when(one.seen_on)} `, one.here ? t("account.here") : remove(() => send("DELETE", `/sessions/${one.session_id}`)));
  return h(
    "section",
    {},
    h("h2", {}, t("account.devices")),
    h("ul", {}, sessions.map(row)),
    sessions.length > 1 && button("account.others", async () => (await send("POST", "/sessions/end-others"), mine())),
  );
}

function self(me) {
  return h(
    "section",
    {},
    h("h2", {}, t("account.self")),
    form("account.password", [newPassword()], (given) => fresh(() => send("PUT", "/me/password", given)), "h3", "account.saved"),
    form("account.email", [email()], (given) => fresh(() => send("POST", "/me/address", given)), "h3", "account.mailed"),
    me.erase_asked_at
      ? h("p", {}, t("account.leaving"), " ", button("account.stay", async () => (await send("POST", "/me/stay"), mine())))
      : button("account.leave", async () => confirm(t("account.leave.sure")) && (await fresh(() => send("DELETE", "/me")), mine())),
  );
}

// ---- a fresh proof

/** `act`, after showing again who one is where that is asked for. */
async function fresh(act) {
  try {
    return await act();
  } catch (refused) {
    if (refused.code !== "prove_again") throw refused;
    await prove();
    return act();
  }
}

function prove() {
  return new Promise((resolve, reject) => {
    const dialog = h("dialog", { "aria-label": t("account.prove"), onclose: () => reject(new DOMException("", "AbortError")) });
    const done = () => (resolve(), dialog.remove());
    const password = input("password", { type: "password", autocomplete: "current-password" });
    const code = input("code", { autocomplete: "one-time-code", required: false });
    const byPasskey = async () => {
      const { options } = await send("POST", "/me/passkey-proofs");
      await send("POST", "/sessions/proof", { passkey: await passkey.prove(options) });
      done();
    };
    const byPassword = async ({ password, code }) => {
      await send("POST", "/sessions/proof", code ? { password, code } : { password });
      done();
    };
    show(dialog, form("account.prove", [password, code], byPassword, "h2"), passkey.there && button("account.prove.passkey", byPasskey));
    document.body.append(dialog);
    dialog.showModal();
  });
}

// ---- pieces

function input(name, more = {}) {
  return h("input", { name, required: true, ...more });
}

function newPassword() {
  return input("password", { type: "password", autocomplete: "new-password", minlength: 10, maxlength: 128 });
}

function email() {
  return input("email", { type: "email", autocomplete: "email" });
}

/** `then({name: value})` at the press of its button; `saying`: a word for when it is done. */
function form(key, fields, then, level, saying) {
  const wrong = h("p", { class: "wrong", role: "alert" });
  const right = h("p", { role: "status" });
  const press = h("button", {}, t(`${key}.button`));
  const submit = async (event) => {
    event.preventDefault();
    await tried(press, wrong, async () => {
      await then(Object.fromEntries(fields.map((field) => [field.name, field.value.trim()])));
      if (saying) right.textContent = t(saying);
    });
  };
  const labels = fields.map((field) => h("label", {}, t(`account.field.${field.name}`), field));
  return h("form", { class: "card", onsubmit: submit }, h(level, {}, t(key)), labels, wrong, right, press);
}

function button(key, act) {
  const wrong = h("span", { class: "wrong", role: "alert" });
  const press = h("button", { type: "button", onclick: () => tried(press, wrong, act) }, t(key));
  return h("span", {}, press, " ", wrong);
}

function remove(act) {
  return button("account.remove", async () => (await fresh(act), mine()));
}

async function tried(press, wrong, act) {
  press.disabled = true;
  wrong.textContent = "";
  try {
    await act();
  } catch (refused) {
    if (refused.name !== "AbortError" && refused.name !== "NotAllowedError") wrong.textContent = said(refused);
  } finally {
    press.disabled = false;
  }
}

addEventListener("hashchange", start); // a link opened where this page is open already
start();
