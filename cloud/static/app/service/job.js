// One job: whose it is, where it is, and that it is done.

import { h, show } from "../../console/dom.js";
import { act, facts, form, soft, way } from "../ui.js";
import { metres, t, when } from "../words.js";
import { ranked } from "./duty.js";
import { known } from "./here.js";

export async function open(into, { job: id }, desk) {
  const { app, duty, me, place, rider } = desk;
  const here = await known();
  let drawn = null;
  let working = false; // whatever is refused then is said where it was asked for
  await draw();
  return rider.subscribe(() => draw().catch(() => {}));

  function did(work) {
    working = true;
    return work.finally(() => (working = false));
  }

  async function draw() {
    const [job] = ranked([await duty.job(id)].filter(Boolean), here);
    const now = JSON.stringify(job);
    if (working || now === drawn) return; // nobody's note is lost for nothing
    drawn = now;
    if (!job) return void show(into, h("h1", {}, t("job.none")), way(t("jobs.title"), place()));
    const mine = job.assigned_to === me.user_id;
    show(
      into,
      h("h1", {}, job.title),
      job.waits && h("p", { class: "note" }, t("service.waits_long")),
      facts([
        [t("job.rank"), t("jobs.rank", { rank: job.rank })],
        job.bike && [t("job.bike"), job.label === job.bike ? job.bike : `${job.label} (${job.bike})`],
        job.way !== null && [t("job.way"), metres(job.way)],
        [t("job.opened"), when(job.opened_at)],
        [t("job.whose"), mine ? t("jobs.mine") : job.assigned_to ? t("jobs.taken") : t("job.nobody")],
      ].filter(Boolean)),
      job.bike && way(t("job.to_bike"), place("b", job.bike), mine ? "button big" : "button quiet"),
      mine
        ? [
            form({ note: { label: t("job.note"), rows: 3, maxlength: 1000 } }, t("job.done"), async ({ note }) => (await did(duty.done(job, note)), app.go(place(), { instead: true }))),
            act(t("job.leave"), () => did(duty.leave(job)).then(draw), "quiet"),
          ]
        : [act(t("job.take"), () => did(duty.take(job)).then(draw), "big"), job.assigned_to && soft(t("job.other"))],
    );
  }
}
