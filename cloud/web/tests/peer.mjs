// A real lock in a Python process (hil_tests/piped_lock.py), and what a Visit needs to talk to it: a radio that carries
// frames, a clock set by hand, a key that nobody can read.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { ROOT } from "./spec.mjs";
import { hex, unhex } from "../../static/app/protocol/bytes.js";
import { Visit } from "../../static/app/protocol/visit.js";

const PYTHON = process.env.RINGSLOT_PYTHON ?? fileURLToPath(new URL(".venv/bin/python", ROOT));
const WAIT_MS = 60_000; // every wait has an end

export class Lock {
  #answers = [];
  #links = new Map(); // conn → {frame, lost}
  #process;

  constructor() {
    const stdio = ["pipe", "pipe", "inherit"];
    this.#process = spawn(PYTHON, ["-m", "hil_tests.piped_lock"], { cwd: fileURLToPath(ROOT), stdio });
    createInterface({ input: this.#process.stdout }).on("line", (line) => this.#answers.shift()(JSON.parse(line)));
  }

  /** Promise of the answer to one order; what the lock said to phones meanwhile has been heard when it resolves. */
  async order(order, details = {}) {
    if (order === "provision") this.#links.clear(); // its radio knows nobody yet
    const answer = await new Promise((settle, fail) => {
      const late = setTimeout(() => fail(new Error(`no answer to ${order}`)), WAIT_MS);
      this.#answers.push((said) => (clearTimeout(late), settle(said)));
      this.#process.stdin.write(JSON.stringify({ order, ...details }) + "\n");
    });
    if (answer.error) throw new Error(answer.error);
    for (const [conn, frames] of Object.entries(answer.said ?? {})) {
      for (const frame of frames) this.#links.get(Number(conn))?.frame(unhex(frame));
    }
    for (const conn of [...this.#links.keys()].filter((conn) => answer.up && !answer.up.includes(conn))) {
      this.#links.get(conn).lost();
      this.#links.delete(conn);
    }
    return answer;
  }

  /** Promise of a link, as an adapter gives one. `before(frame, count)` may throw: the radio fails. `mtu`: ATT_MTU.
   *  `lose`: the link is lost before the answer to a request is heard. */
  async link({ mtu = 247, told = false, lose = false, before = () => {} } = {}) {
    const { conn } = await this.order("connect", { mtu });
    let count = 0;
    return {
      conn,
      payload: told ? mtu - 3 : undefined,
      spent: 0,
      written: [],
      async write(frame) {
        before(frame, ++count);
        this.written.push(frame);
        await lock.order("frame", { conn, data: hex(frame) });
      },
      cut() {
        if (lock.#links.delete(conn)) lock.order("leave", { conn });
      },
      listen: (ears) => lock.#links.set(conn, lose ? losing(ears) : ears),
    };
  }

  end() {
    this.#process.stdin.end();
  }
}

/** Hears the answer to HELLO, and nothing more. */
function losing({ frame, lost }) {
  let heard = 0;
  return { frame: (data) => (data[1] === 4 || heard++ > 3 ? lost() : frame(data)), lost };
}

export const lock = new Lock();

/** Promise of the first thing that `look` finds, which may be a promise of its own. */
export async function until(look) {
  for (let tries = 0; tries < 2_000; tries++) {
    const found = await look();
    if (found) return found;
    await new Promise((settle) => setTimeout(settle, 5));
  }
  throw new Error(`never: ${look}`);
}

/** A clock that stands until `pass` lets time go by. */
export class Clock {
  #now = 1_000;
  #alarms = new Map();

  now = () => this.#now;

  after = (ms, ring) => {
    const id = Symbol();
    this.#alarms.set(id, [this.#now + ms, ring]);
    return () => this.#alarms.delete(id);
  };

  pass(ms) {
    this.#now += ms;
    for (const [id, [at, ring]] of this.#alarms) {
      if (at > this.#now) continue;
      this.#alarms.delete(id);
      ring();
    }
  }
}

/** A phone with a key of its own. `kept`: receipts in the order in which they were stored; `told`: what it was told. */
export class Phone {
  kept = [];
  carried = [];
  told = [];
  clock = new Clock();
  bind = async (hello, challenge) => {
    const { nonce } = await lock.order("bound_to", { hello: hex(hello), challenge: hex(challenge) });
    return (await this.token({ ...this.claim, nonce })).token;
  };

  static async made() {
    const phone = new Phone();
    phone.key = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
    phone.holder = new Uint8Array(await crypto.subtle.exportKey("raw", phone.key.publicKey));
    return phone;
  }

  /** Promise of {token, cti}; remembered for `bind`. */
  async token(details = {}) {
    const { token, cti } = await lock.order("token", { holder: hex(this.holder), ...details });
    this.claim = { ...details, cti };
    return { token: unhex(token), cti: unhex(cti) };
  }

  async visit(radio = {}, parts = {}) {
    const link = await lock.link(radio);
    const visit = new Visit({
      link,
      holder: this.holder,
      sign: (bytes) => crypto.subtle.sign({ name: "Ed25519" }, this.key.privateKey, bytes),
      bind: this.bind,
      keep: async (receipt) => void this.kept.push(receipt),
      carry: async (batch) => void this.carried.push(batch),
      clock: this.clock,
      random: (n) => crypto.getRandomValues(new Uint8Array(n)),
      tell: (what) => this.told.push(what),
      ...parts,
    });
    return Object.assign(visit, { link });
  }
}
