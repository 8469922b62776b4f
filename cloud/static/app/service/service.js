// The technicians' part of the app: loaded for nobody else. Large buttons, few taps: it is used in gloves, in the rain.

import { h, show } from "../../console/dom.js";
import { Refused, part } from "../keep/api.js";
import { language, learn, t } from "../words.js";
import { Duty } from "./duty.js";
import { Releases } from "./release.js";
import { Shift } from "./shift.js";

const STAFF = ["technician", "admin"];
const PAGES = [
  // path below /app/service, module
  [/^$/, "home"],
  [/^shift(\/(?<code>[0-9A-Za-z-]{1,32}))?$/, "begin"],
  [/^jobs\/(?<job>[0-9a-f]{16})$/, "job"],
  [/^b\/(?<code>[0-9A-Za-z-]{1,32})$/, "bike"],
  [/^any$/, "any"],
];
learn((await import(`./words_${language}.js`)).default);

export async function open(into, { page = "" }, app) {
  const me = await app.rider.me();
  if (!me) throw new Refused(401, "sign_in", "");
  if (!STAFF.includes(me.role)) return void show(into, h("h1", {}, t("service.title")), h("p", {}, t("service.staff")));
  if (!document.querySelector("#service-style")) {
    const href = new URL("service.css", import.meta.url);
    document.head.append(h("link", { id: "service-style", rel: "stylesheet", href }));
  }
  const { inside } = app.rider;
  const desk = { app, me, rider: app.rider, shift: new Shift(inside), duty: new Duty(inside), releases: new Releases(inside) };
  desk.place = (...parts) => app.place("service", ...parts);
  const [form, module] = PAGES.find(([one]) => one.test(page)) ?? PAGES[0];
  const drawn = await part(import(`./${module}.js`));
  return drawn.open(into, page.match(form)?.groups ?? {}, desk);
}
