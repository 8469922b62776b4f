// What a page shows, asked for again when something of it changed; several changes at once are asked for once.

import { listen } from "./live.js";

const AGAIN_MS = 1000;

/** `work()` soon after each event of these kinds that `concerns` the page; returns what ends it. */
export function follow(kinds, work, concerns = () => true) {
  let due = 0;
  const silence = listen([...kinds, "reset"], (event) => {
    if (event.kind !== "reset" && !concerns(event)) return;
    due ||= setTimeout(() => ((due = 0), work().catch(() => {})), AGAIN_MS); // a lost link: the next change asks again
  });
  return () => {
    silence();
    clearTimeout(due);
  };
}

/** Whether an event is of one of these: a lock, or a ride on it. */
export function of(...ids) {
  return (event) => ids.includes(event.subject) || ids.includes(event.data?.lock_id);
}
