// The smallest page that rides: what test_app_radio.py tests the adapter in, beside the app itself.
// Tapping a button puts the outcome's name and next step into <output>; `rider` shows what the phone then holds.

import { values, wanted } from "/static/app/protocol/advertising.js";
import { hex, unhex } from "/static/app/protocol/bytes.js";
import { END, OPEN } from "/static/app/protocol/exchange.js";
import { resumed } from "/static/app/protocol/flow.js";
import * as receipt from "/static/app/protocol/receipt.js";
import { Visit } from "/static/app/protocol/visit.js";
import { choose, connect, support } from "/static/app/link/link.js";

const rider = (globalThis.rider = { kept: [], seen: [], support });
const b64 = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const unb64 = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

async function post(path, body) {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${rider.bearer}` };
  const answer = await fetch(`/api/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return answer.json();
}

rider.claim = async (bearer, code, mode) => {
  rider.bearer = bearer;
  rider.key = await crypto.subtle.generateKey("Ed25519", false, ["sign"]);
  rider.holder = new Uint8Array(await crypto.subtle.exportKey("raw", rider.key.publicKey));
  const claim = await post("/claims", { code, mode, holder_key: b64(rider.holder) });
  rider.token = unb64(claim.token);
  rider.cti = unhex(claim.cti);
  rider.filters = wanted(await values(claim.advertising.map(({ key }) => unhex(key))));
  rider.signers = new Map(claim.countersigners.map(({ kid, key }) => [kid, unb64(key)]));
  return rider.filters.filters.length;
};

/** What the cloud says of the receipts kept here, compared with them: their types. Rejects with Mismatch. */
rider.deliver = async () => {
  const { receipts } = await post("/receipts", { receipts: rider.kept.map(b64) });
  await Promise.all(rider.kept.map((data, i) => receipt.compare(data, receipts[i], rider.signers)));
  return rider.kept.map((data) => receipt.parse(data).type);
};

const visiting = (link) =>
  new Visit({
    link,
    holder: rider.holder,
    sign: (bytes) => crypto.subtle.sign("Ed25519", rider.key.privateKey, bytes),
    bind: async (hello, challenge) =>
      unb64((await post(`/claims/${hex(rider.cti)}/token`, { hello: b64(hello), challenge: b64(challenge) })).token),
    keep: async (data) => rider.kept.push(data),
    carry: async () => {},
    clock: {
      now: () => performance.now(),
      after: (ms, f) => {
        const timer = setTimeout(f, ms);
        return () => clearTimeout(timer);
      },
    },
    random: (n) => crypto.getRandomValues(new Uint8Array(n)),
    tell: (news) => rider.seen.push(Object.keys(news)[0]),
  });

async function arrive() {
  if (rider.visit && !rider.visit.over) return;
  rider.device = await choose(rider.filters);
  rider.link = await connect(rider.device);
  rider.visit = visiting(rider.link);
}

const DOES = {
  Arrive: async () => (rider.visit.begin(), { name: "HERE", next: "" }),
  Unlock: () => rider.visit.ask([{ command: OPEN, token: rider.token }]),
  Reopen: () => rider.visit.ask([{ command: OPEN, cti: rider.cti }]),
  Resume: () => rider.visit.ask(resumed({ command: OPEN, token: rider.token }, rider.cti)),
  End: () => rider.visit.ask([{ command: END, cti: rider.cti }]),
};

for (const [name, does] of Object.entries(DOES)) {
  const button = document.createElement("button");
  button.textContent = name;
  button.onclick = async () => {
    const output = document.querySelector("output");
    output.textContent = "…";
    try {
      await arrive();
      rider.outcome = await does();
    } catch (error) {
      rider.outcome = error;
    }
    output.textContent = `${rider.outcome.name} ${rider.outcome.next}`;
  };
  document.body.append(button);
}
document.body.append(document.createElement("output"));
