import { h, show } from "../../console/dom.js";
import { way } from "../ui.js";
import { t } from "../words.js";

export function open(into, _place, app) {
  show(into, h("h1", {}, t("nowhere")), way(t("bikes.title"), app.place()));
}
