// A lock that is on no list, or whose sticker nobody can read: the nearest one, by a token for its group and its challenge.

import { h, show } from "../../console/dom.js";
import { soft } from "../ui.js";
import { t } from "../words.js";
import { atLock } from "./lock.js";

export async function open(into, _place, desk) {
  const lock = h("section");
  show(into, h("h1", {}, t("any.title")), soft(t("any.why")), lock);
  return atLock(lock, null, desk);
}
