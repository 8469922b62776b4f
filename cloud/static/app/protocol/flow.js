// One link to a lock, from the connection to its end, as a machine without I/O: events go in with their time, and what
// to do comes out. visit.js carries it out; tests hand in whatever they like.
//
//   idle ─ begin/ask ─► greeting ─ CHALLENGE ─► ready ─ ask ─► proving ─ proved ─► asking ─ RESULT ─► idle
//                                                 └─ clock unknown ─► binding ─ bound ─┘
//
// A tap costs the lock's link one round trip where HELLO went ahead of it, when the claim's screen opened; two if not.
// No request is ever sent twice, and none is sent for a challenge that is over.

import * as x from "./exchange.js";
import * as update from "./update.js";
import { FrameError, PAYLOAD_MIN, Receiver, Sender } from "./frames.js";
import { NEED_NONCE, NO_RIDE, OK, cuts, ofStatus, outcome } from "./outcome.js";

const ANSWER_MS = 12_000; // the lock's own deadline is 10 s
const ERASE_MS = 300_000; // to write over megabytes of flash
const WORK_MS = 100_000; // in which a lock that takes a release says something
const PROVE_MS = 5_000;
const CHALLENGE_MS = 28_000; // of the 30 s that a patient HELLO is given
const BATCHES_MAX = 500; // a lock that never says "no more" is not listened to for ever

// what may follow when the reason is time, or the link's end: phase → [outcome when late, outcome when lost]
const ENDS = {
  idle: ["LOST", "LOST"],
  greeting: ["SILENT", "LOST"],
  ready: ["LOST", "LOST"],
  binding: ["OFFLINE", "LOST"],
  proving: ["NO_KEY", "LOST"],
  asking: ["UNSURE", "UNSURE"],
  collecting: ["SILENT", "LOST"],
  bringing: ["SILENT", "LOST"],
};

/**
 * What to ask after UNSURE in place of `ask`: whether the ride began already, then the same again. An END is asked
 * again alone; NO_RIDE then says that it had worked.
 */
export function resumed(ask, cti) {
  return ask.command === x.OPEN && ask.token ? [{ command: x.OPEN, cti }, ask] : [ask];
}

/**
 * `flow.step({kind, ...}, now in ms)` → [{do, ...}]. Then `flow.until` says when to step({kind: "wake"}), or is null.
 *
 * | event | with | | to do | with |
 * |---|---|---|---|---|
 * | begin | | | write | frames |
 * | ask | asks: [{command, token or cti}] (*) | | prove | ask, hello, challenge: bodies |
 * | proved, unproved | body of REQUEST | | bind | hello, challenge: for a token bound to them |
 * | bound, unbound | token; why: UNBOUND, OFFLINE, SIGNED_OUT | | greeted | hello, challenge: for the colour code |
 * | collect | | | keep | receipt, told: false if it is an answer's; before anything else is done |
 * | offer, data | version, digest; data | | carry | batch |
 * | heard | frame | | fetch | name, offset: of the release |
 * | lost, wake, leave | | | done | outcome: of ask, collect or offer |
 * | | | | cut | outcome: of the link; nothing follows |
 *
 * (*) The next one only after NO_RIDE. {command, bind: true} always asks for a bound token: a group's, of a technician.
 */
export class Flow {
  phase = "idle";
  until = null;
  trips = 0; // round trips of this link so far, whoever made them
  #sender = new Sender();
  #receiver = new Receiver(x.TO_PHONE);
  #random;
  #acked;
  #payload;
  #learns;
  #asks = [];
  #work = false; // whether a collect or an offer is waited for
  #due = null; // what begins it, while that has not happened
  #greeting = null; // {hello, challenge, clockUnknown, at}: not used yet
  #hello = null;
  #bind = false; // the next request needs a bound token
  #batches = 0;
  #wanted = null; // {name, offset} of the release
  #todo = [];

  /**
   * `random(n)` → bytes. `payload`: ATT_MTU − 3, or undefined where nobody tells (a browser): then it is learnt from
   * the longest frame heard. `acked`: each write is answered. `spent`: round trips that the connection has cost.
   */
  constructor({ random, payload, acked = false, spent = 0 }) {
    this.#random = random;
    this.#acked = acked;
    this.#payload = payload ?? PAYLOAD_MIN;
    this.#learns = payload === undefined;
    this.trips = spent;
  }

  step(event, now) {
    this.#todo = [];
    if (this.phase !== "over") this[`_${event.kind}`](event, now);
    return this.#todo;
  }

  // ---- what a person or the phone wants

  _begin(_, now) {
    if (this.phase === "idle") this.#greet(now);
  }

  _ask({ asks }, now) {
    if (this.#asks.length) throw new Error("one thing at a time");
    this.#asks = [...asks];
    this.#bind = false;
    if (this.phase === "idle" || this.phase === "ready") this.#go(now); // else once that is over
  }

  _collect(_, now) {
    this.#batches = 0;
    this.#works((then) => this.#collectMore(then), now);
  }

  _offer({ version, digest }, now) {
    const body = update.encodeOffer(version, digest);
    this.#works((then) => this.#send(x.OFFER, body, "bringing", then + WORK_MS), now);
  }

  _leave() {
    this.#end("LOST");
  }

  // ---- what the phone's other parts answer

  _proved({ body }, now) {
    if (this.phase !== "proving") return;
    const wait = this.#asks[0].command === x.DECOMMISSION ? ERASE_MS : ANSWER_MS;
    this.#send(x.REQUEST, body, "asking", now + wait);
  }

  _unproved() {
    if (this.phase === "proving") this.#end("NO_KEY");
  }

  _bound({ token }, now) {
    if (this.phase !== "binding") return;
    this.#asks[0] = { ...this.#asks[0], token, bound: true };
    this.#prove(now);
  }

  _unbound({ why }) {
    if (this.phase === "binding") this.#end(why);
  }

  _data({ data }, now) {
    if (this.phase !== "bringing" || !this.#wanted) return;
    const { name, offset } = this.#wanted;
    this.#wanted = null;
    this.#send(x.DATA, update.encodeData(name, offset, data), "bringing", now + WORK_MS);
  }

  // ---- time, and the link

  _wake(_, now) {
    if (this.until === null || now < this.until) return;
    this.#end(ENDS[this.phase][0]);
  }

  _lost() {
    this.#end(ENDS[this.phase][1]);
  }

  _heard({ frame }, now) {
    if (this.#learns) this.#payload = Math.max(this.#payload, frame.length); // ATT_MTU is the same both ways
    try {
      const message = this.#receiver.feed(frame);
      if (message) this.#message(message, now);
    } catch (error) {
      if (!(error instanceof FrameError) && !(error instanceof x.ExchangeError)) throw error;
      this.#end(this.phase === "asking" ? "UNSURE" : "GARBLED"); // what follows on this link means nothing
    }
  }

  #message({ opcode, body }, now) {
    if (opcode === x.RECEIPT) return this.#do("keep", { receipt: x.decodeSingle(body), told: true });
    if (opcode === x.RESULT) return this.#result(x.decodeResult(body), now);
    if (opcode === x.CHALLENGE && this.phase === "greeting") return this.#challenged(body, now);
    if (opcode === x.SEALED && this.phase === "collecting") return this.#sealed(x.decodeSingle(body), now);
    if (opcode === x.WANT && this.phase === "bringing") return this.#want(update.decodeWant(body), now);
    if (opcode === x.PROGRESS && this.phase === "bringing") return this.#progress(update.decodeProgress(body), now);
    throw new x.ExchangeError("not what was asked for");
  }

  #challenged(body, now) {
    const { clockUnknown } = x.decodeChallenge(body);
    this.#greeting = { hello: this.#hello, challenge: body, clockUnknown, at: now };
    this.#do("greeted", { hello: this.#hello, challenge: body });
    this.#rest(now);
  }

  #result({ status, receipt, ms }, now) {
    if (receipt) this.#do("keep", { receipt, told: false });
    const asked = this.phase === "asking" ? this.#asks[0] : null;
    const result = ofStatus(status, { receipt, ms, trips: this.trips });
    if (cuts(status) || !asked) return this.#over(result);
    if (status === NEED_NONCE && asked.token && !asked.bound) {
      this.#bind = true; // it lost its clock just now
      return this.#greet(now);
    }
    if (status === NO_RIDE && this.#asks.length > 1) {
      this.#asks.shift();
      return this.#greet(now);
    }
    this.#asks = [];
    this.#do("done", { outcome: result });
    return this.#rest(now);
  }

  #sealed(batch, now) {
    if (batch.length) {
      this.#do("carry", { batch });
      this.#batches += 1;
      // whoever taps meanwhile does not wait for the rest
      if (!this.#asks.length && this.#batches < BATCHES_MAX) {
        return this.#collectMore(now);
      }
    }
    this.#work = false;
    this.#do("done", { outcome: outcome("DONE", { batches: this.#batches }) });
    return this.#rest(now);
  }

  #want(wanted, now) {
    this.#wanted = wanted;
    this.until = now + WORK_MS;
    this.#do("fetch", wanted);
  }

  #progress({ state, reason }, now) {
    this.until = now + WORK_MS;
    if (!update.LAST.includes(state)) return;
    this.#work = false;
    this.#do("done", { outcome: outcome("DONE", { state: update.STATES[state], reason }) });
    this.#rest(now);
  }

  // ---- steps

  #greet(now) {
    this.#greeting = null;
    this.#hello = x.encodeHello(this.#random(8), 1); // patient: a person reads, or a token is fetched
    this.#send(x.HELLO, this.#hello, "greeting", now + ANSWER_MS);
  }

  /** Nothing is under way: on with what was asked meanwhile, or wait for it. */
  #rest(now) {
    this.phase = this.#greeting ? "ready" : "idle";
    this.until = null;
    if (this.#asks.length) return this.#go(now);
    if (!this.#due) return;
    if (!this.#hello) return this.#greet(now); // before HELLO a lock answers nothing
    this.#due(now);
    this.#due = null;
  }

  /** Begins with this work now, or once what is under way is over. */
  #works(begin, now) {
    if (this.#work) throw new Error("one thing at a time");
    this.#work = true;
    this.#due = begin;
    if (this.phase === "idle" || this.phase === "ready") this.#rest(now);
  }

  #collectMore(now) {
    this.#send(x.COLLECT, x.encodeCollect(), "collecting", now + ANSWER_MS);
  }

  #go(now) {
    if (!this.#greeting || now - this.#greeting.at >= CHALLENGE_MS) return this.#greet(now);
    const { token, bind, bound } = this.#asks[0];
    const needs = bind || (token && (this.#bind || this.#greeting.clockUnknown));
    if (bound || !needs) return this.#prove(now);
    this.phase = "binding";
    this.until = this.#greeting.at + CHALLENGE_MS;
    return this.#do("bind", { hello: this.#greeting.hello, challenge: this.#greeting.challenge });
  }

  #prove(now) {
    const { hello, challenge } = this.#greeting;
    this.#greeting = null; // a challenge works once
    this.phase = "proving";
    this.until = now + PROVE_MS;
    this.#do("prove", { ask: this.#asks[0], hello, challenge });
  }

  #send(opcode, body, phase, until) {
    const frames = this.#sender.frames(opcode, body, this.#payload);
    this.trips += 1 + (this.#acked ? frames.length : 0);
    Object.assign(this, { phase, until });
    this.#do("write", { frames });
  }

  #end(name) {
    this.#over(outcome(name, { trips: this.trips }));
  }

  #over(result) {
    if (this.#asks.length || this.#work) this.#do("done", { outcome: result });
    Object.assign(this, { phase: "over", until: null });
    this.#asks = [];
    this.#do("cut", { outcome: result });
  }

  #do(what, details) {
    this.#todo.push({ do: what, ...details });
  }
}
