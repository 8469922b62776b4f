// What a page shows, asked for again when something of it changed; several changes at once are asked for once.

import { listen } from "./live.js";

const AGAIN_MS = 1000;

/** `work()` soon after each event of these kinds; returns what ends it. */
export function follow(kinds, work) {
  let due = 0;
  const silence = listen([...kinds, "reset"], () => {
    due ||= setTimeout(() => ((due = 0), work().catch(() => {})), AGAIN_MS); // a lost link: the next change asks again
  });
  return () => {
    silence();
    clearTimeout(due);
  };
}
