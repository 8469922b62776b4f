// The colour code by which a rider sees that the lock in front of them is the one that the phone talks to, and not
// another near by whose sticker was put on this bike.
//
// Four flashes, none like the one before: 108 codes, another for each HELLO, from the transcript that also ties the
// proof to this link. Each of the first four bytes chooses: the first among the colours, each next among the others.
// A lock whose light has one colour blinks once for red, twice for green, three times for blue, four times for white.

export const COLOURS = ["red", "green", "blue", "white"];
export const FLASHES = 4;

/** ["red", "blue", …] for the transcript (32 bytes) of HELLO and CHALLENGE. */
export function coloursOf(transcript) {
  const code = [transcript[0] % COLOURS.length];
  while (code.length < FLASHES) {
    code.push((code.at(-1) + 1 + (transcript[code.length] % (COLOURS.length - 1))) % COLOURS.length);
  }
  return code.map((each) => COLOURS[each]);
}
