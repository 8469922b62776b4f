// Messages cut into frames, and put together again (SPEC.md section 4). One Sender and one Receiver a link.

import { joined } from "./bytes.js";

export const BODY_MAX = 1024; // bytes of a message
export const PAYLOAD_MIN = 20; // bytes of a frame at the smallest ATT_MTU, 23
const FIRST = 0x80;
const COUNTER = 0x7f;

/** The other side broke the framing: the link is of no more use. */
export class FrameError extends Error {}

export class Sender {
  #counter = 0;

  /** [frame] of one message; `payload` is what one frame may hold, ATT_MTU − 3. */
  frames(opcode, body, payload) {
    if (body.length > BODY_MAX) throw new FrameError("too long to send");
    let rest = joined([opcode, body.length >> 8, body.length & 0xff], body);
    const frames = [];
    while (rest.length) {
      frames.push(joined([(frames.length ? 0 : FIRST) | this.#counter], rest.subarray(0, payload - 1)));
      rest = rest.subarray(payload - 1);
      this.#counter = (this.#counter + 1) & COUNTER;
    }
    return frames;
  }
}

/** Holds at most one message. `opcodes`: those that may come. */
export class Receiver {
  #counter = 0;
  #opcodes;
  #message = null; // {opcode, body, at} begun and not complete

  constructor(opcodes) {
    this.#opcodes = opcodes;
  }

  /** {opcode, body} when this frame completes a message, else null. Throws FrameError; then this Receiver is spent. */
  feed(frame) {
    if (frame.length < 2 || (frame[0] & COUNTER) !== this.#counter) throw new FrameError("out of order");
    this.#counter = (this.#counter + 1) & COUNTER;
    const part = frame[0] & FIRST ? this.#begin(frame) : frame.subarray(1);
    const message = this.#message;
    if (!message) throw new FrameError("continues nothing");
    if (part.length > message.body.length - message.at) throw new FrameError("longer than announced");
    message.body.set(part, message.at);
    message.at += part.length;
    if (message.at < message.body.length) return null;
    this.#message = null;
    return { opcode: message.opcode, body: message.body };
  }

  #begin(frame) {
    if (this.#message) throw new FrameError("message inside a message");
    if (frame.length < 4 || !this.#opcodes.includes(frame[1])) throw new FrameError("unknown opcode, or none");
    const length = (frame[2] << 8) | frame[3];
    if (!length || length > BODY_MAX) throw new FrameError("length");
    this.#message = { opcode: frame[1], body: new Uint8Array(length), at: 0 };
    return frame.subarray(4);
  }
}
