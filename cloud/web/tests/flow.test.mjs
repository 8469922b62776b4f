// The machine by itself: whatever may come, at each phase, ends in one outcome of the closed list; and what it costs.

import assert from "node:assert/strict";
import { test } from "node:test";

import "./spec.mjs";
import { unhex } from "../../static/app/protocol/bytes.js";
import { encode } from "../../static/app/protocol/cbor.js";
import * as x from "../../static/app/protocol/exchange.js";
import { Flow, resumed } from "../../static/app/protocol/flow.js";
import { Sender } from "../../static/app/protocol/frames.js";
import { NAMES, NEXT, outcome } from "../../static/app/protocol/outcome.js";

const TOKEN = new Uint8Array(260).fill(7);
const ASK = { command: x.OPEN, token: TOKEN };
const BODY = new Uint8Array(400);

/** A machine and the other end: `does` gives what it wants done, `says` what it does when the lock says that. */
function begun(parts = {}) {
  const flow = new Flow({ random: (n) => new Uint8Array(n), ...parts });
  const sender = new Sender();
  let now = 0;
  const step = (event) => flow.step(event, now);
  const says = (opcode, item, payload = 244) => {
    const frames = sender.frames(opcode, encode(item), payload);
    return frames.flatMap((frame) => step({ kind: "heard", frame }));
  };
  return {
    flow,
    step,
    says,
    challenge: (flags = 0) => says(x.CHALLENGE, [1, new Uint8Array(16), flags, new Uint8Array(56)]),
    pass: (ms) => ((now += ms), step({ kind: "wake" })),
  };
}

// phase: how it is reached
const PHASES = {
  idle: () => begun(),
  greeting: (one = begun()) => (one.step({ kind: "ask", asks: [ASK] }), one),
  ready: (one = begun()) => (one.step({ kind: "begin" }), one.challenge(), one),
  binding: (one = PHASES.greeting()) => (one.challenge(1), one),
  proving: (one = PHASES.greeting()) => (one.challenge(), one),
  asking: (one = PHASES.proving()) => (one.step({ kind: "proved", body: BODY }), one),
  collecting: (one = begun()) => (one.step({ kind: "collect" }), one.challenge(), one),
  bringing: (one = PHASES.asking()) => {
    one.says(x.RESULT, [0, null, [0, 0, 0]]);
    one.step({ kind: "offer", version: 2, digest: new Uint8Array(32) });
    return one;
  },
};

const names = (todo) => todo.map((each) => each.outcome?.name ?? each.do);

test("each phase is reached", () => {
  for (const [phase, reach] of Object.entries(PHASES)) assert.equal(reach().flow.phase, phase);
});

test("a link lost, and a lock that says nothing, at each phase", () => {
  const ends = {
    idle: ["LOST", null],
    greeting: ["LOST", "SILENT"],
    ready: ["LOST", null],
    binding: ["LOST", "OFFLINE"],
    proving: ["LOST", "NO_KEY"],
    asking: ["UNSURE", "UNSURE"],
    collecting: ["LOST", "SILENT"],
    bringing: ["LOST", "SILENT"],
  };
  for (const [phase, [lost, late]] of Object.entries(ends)) {
    const waits = !["idle", "ready"].includes(phase); // there nobody waits for anything
    const all = (name) => (waits ? [name, name] : [name]); // a `done`, and the link's end
    assert.deepEqual(names(PHASES[phase]().step({ kind: "lost" })), all(lost), phase);
    const one = PHASES[phase]();
    assert.equal(one.flow.until !== null, waits, phase);
    assert.deepEqual(names(one.pass(waits ? one.flow.until - 1 : 1e9)), [], phase);
    if (late) assert.deepEqual(names(one.pass(1)), all(late), phase);
    if (late) assert.equal(one.flow.phase, "over");
  }
});

test("after its end a machine does nothing, whatever comes", () => {
  const one = PHASES.asking();
  one.step({ kind: "lost" });
  assert.deepEqual(one.step({ kind: "lost" }), []);
  assert.deepEqual(one.step({ kind: "ask", asks: [ASK] }), []);
  assert.deepEqual(one.says(x.RESULT, [0, null, [0, 0, 0]]), []);
  assert.equal(one.flow.until, null);
});

test("frames and messages that are none end the link", () => {
  const frames = ["", "80", "00ff", "8104000180", "8001000183", "80040001ff", "80040000", "80020401", "800400010000"];
  for (const [phase, reach] of Object.entries(PHASES)) {
    if (["greeting", "idle"].includes(phase)) {
      for (const frame of frames) {
        const todo = reach().step({ kind: "heard", frame: unhex(frame) });
        assert.equal(names(todo).at(-1), "GARBLED", `${phase} ${frame}`);
      }
    }
    const wrong = phase === "asking" ? "UNSURE" : "GARBLED";
    for (const [opcode, item] of [
      [x.CHALLENGE, [2, new Uint8Array(16), 0, new Uint8Array(56)]],
      [x.CHALLENGE, [1, new Uint8Array(15), 0, new Uint8Array(56)]],
      [x.RESULT, [0, null]],
      [x.RESULT, [-1, null, [0, 0, 0]]],
      [x.RESULT, [0, 1, [0, 0, 0]]],
      [x.RESULT, [0, null, [0, 0, 2 ** 32]]],
      [x.RECEIPT, [1]],
      [x.SEALED, []],
      [x.WANT, [new Uint8Array(3), 0]],
      [x.PROGRESS, [1]],
    ]) {
      assert.equal(names(reach().says(opcode, item)).at(-1), wrong, `${phase} ${opcode}`);
    }
  }
});

test("a RESULT that nobody asked for ends the link by its own name, and a strange code has an outcome", () => {
  for (const phase of ["idle", "ready", "greeting", "proving", "binding", "collecting", "bringing"]) {
    assert.equal(names(PHASES[phase]().says(x.RESULT, [17, null, [0, 0, 0]])).at(-1), "MALFORMED");
  }
  assert.deepEqual(names(PHASES.asking().says(x.RESULT, [99, null, [0, 0, 0]])), ["STRANGE"]);
});

test("a receipt is to be kept before the outcome is told", () => {
  const receipt = new Uint8Array(200);
  assert.deepEqual(names(PHASES.asking().says(x.RESULT, [0, receipt, [1, 2, 3]])), ["keep", "OK"]);
  for (const reach of Object.values(PHASES)) {
    const [keep, ...rest] = reach().says(x.RECEIPT, [receipt]);
    assert.deepEqual([keep.do, keep.told, rest], ["keep", true, []]);
  }
});

test("a lock that loses its clock between CHALLENGE and REQUEST is greeted once more, and once only", () => {
  const one = PHASES.asking();
  assert.deepEqual(names(one.says(x.RESULT, [5, null, [0, 0, 0]])), ["write"]);
  assert.deepEqual(names(one.challenge(0)), ["greeted", "bind"]);
  assert.deepEqual(names(one.step({ kind: "bound", token: TOKEN })), ["prove"]);
  one.step({ kind: "proved", body: BODY });
  assert.deepEqual(names(one.says(x.RESULT, [5, null, [0, 0, 0]])), ["NEED_NONCE"]);
});

test("no request for a challenge that is over, and none twice", () => {
  const one = PHASES.ready();
  one.pass(28_000);
  assert.deepEqual(names(one.step({ kind: "ask", asks: [ASK] })), ["write"]);
  assert.equal(one.flow.phase, "greeting");
  const two = PHASES.asking();
  assert.deepEqual(two.step({ kind: "proved", body: BODY }), []);
  assert.throws(() => two.step({ kind: "ask", asks: [ASK] }));
  assert.deepEqual(PHASES.greeting().step({ kind: "bound", token: TOKEN }), []);
});

test("a refusal that cuts ends the link at once; after any other the next request greets anew", () => {
  const one = PHASES.asking();
  assert.deepEqual(names(one.says(x.RESULT, [7, null, [0, 0, 0]])), ["FORGED", "FORGED"]);
  assert.equal(one.flow.phase, "over");
  for (const code of [0, 1, 12]) {
    const two = PHASES.asking();
    two.says(x.RESULT, [code, null, [0, 0, 0]]);
    assert.equal(two.flow.phase, "idle");
    two.step({ kind: "ask", asks: [ASK] });
    assert.equal(two.flow.phase, "greeting");
  }
});

test("what one tap costs: round trips, by how the radio writes and how far the link is", () => {
  const cost = (parts, ahead) => {
    const one = begun(parts);
    if (ahead) one.step({ kind: "begin" }), one.challenge();
    const before = one.flow.trips;
    one.step({ kind: "ask", asks: [ASK] });
    if (!ahead) one.challenge();
    one.step({ kind: "proved", body: BODY });
    const [, last] = one.says(x.RESULT, [0, new Uint8Array(100), [1, 2, 3]]);
    assert.equal(last.outcome.trips, one.flow.trips);
    return [one.flow.trips, one.flow.trips - before];
  };
  assert.deepEqual(cost({}, false), [2, 2]);
  assert.deepEqual(cost({}, true), [2, 1]); // greeted ahead: one from the tap
  assert.deepEqual(cost({ spent: 5 }, true), [7, 1]); // connect, service, two characteristics, subscribe
  assert.deepEqual(cost({ payload: 514, acked: true }, false), [4, 4]);
  assert.deepEqual(cost({ payload: 244, acked: true }, false), [5, 5]);
});

test("the frames grow to what the lock showed to fit, and never beyond", () => {
  for (const [payload, size] of [[20, 20], [60, 60], [244, 82]]) {
    const one = PHASES.greeting();
    one.says(x.CHALLENGE, [1, new Uint8Array(16), 0, new Uint8Array(56)], payload);
    const [{ frames }] = one.step({ kind: "proved", body: BODY });
    assert.equal(Math.max(...frames.map((frame) => frame.length)), size);
  }
});

test("COLLECT greets first, ends at the empty batch, and gives way to a tap", () => {
  const one = begun();
  assert.deepEqual(names(one.step({ kind: "collect" })), ["write"]);
  assert.deepEqual(names(one.challenge()), ["greeted", "write"]);
  assert.deepEqual(names(one.says(x.SEALED, [new Uint8Array(9)])), ["carry", "write"]);
  one.step({ kind: "ask", asks: [ASK] });
  assert.deepEqual(names(one.says(x.SEALED, [new Uint8Array(9)])), ["carry", "DONE", "prove"]);
  const endless = PHASES.collecting();
  let batches = 0;
  while (endless.flow.phase === "collecting" && batches < 1000) batches += endless.says(x.SEALED, [BODY]).length ? 1 : 0;
  assert.equal(batches, 500);
});

test("a release is brought block by block, and its end is told", () => {
  const one = PHASES.bringing();
  const [want] = one.says(x.WANT, [unhex("01020304"), 512]);
  assert.deepEqual([want.do, want.offset], ["fetch", 512]);
  assert.deepEqual(names(one.step({ kind: "data", data: new Uint8Array(512) })), ["write"]);
  assert.deepEqual(one.step({ kind: "data", data: new Uint8Array(512) }), []); // asked for once
  assert.deepEqual(names(one.says(x.PROGRESS, [1, 0])), []);
  const [{ outcome }] = one.says(x.PROGRESS, [6, 7]);
  assert.deepEqual([outcome.name, outcome.state, outcome.reason], ["DONE", "refused", 7]);
});

test("after UNSURE: first whether the ride began", () => {
  const cti = new Uint8Array(8);
  assert.deepEqual(resumed(ASK, cti), [{ command: x.OPEN, cti }, ASK]);
  assert.deepEqual(resumed({ command: x.END, cti }, cti), [{ command: x.END, cti }]);
  const one = begun();
  one.step({ kind: "ask", asks: resumed(ASK, cti) });
  one.challenge();
  one.step({ kind: "proved", body: BODY });
  assert.deepEqual(names(one.says(x.RESULT, [9, null, [0, 0, 0]])), ["write"]);
  const [, prove] = one.challenge();
  assert.equal(prove.ask, ASK);
});

test("every outcome says what to do next, from a closed list", () => {
  for (const name of NAMES) assert.ok(NEXT.includes(outcome(name).next), name);
  assert.deepEqual(new Set(NAMES.map((name) => outcome(name).next)), new Set(NEXT));
});
