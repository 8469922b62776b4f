// What there is to do, and what was done: jobs and bicycles as the cloud told last, with what waits in the outbox laid
// over them. Whatever is done here is done at once for whoever looks at this phone, and once, in order, in the cloud.

import { Refused } from "../keep/api.js";
import { gone } from "../keep/more.js";
import { between } from "../map.js";

const RANK_M = 1000; // metres that one goes further for one rank of urgency, as the cloud counts (cloud/maintenance.py)
const NOWHERE_M = 5000; // how far away a job counts whose place nobody knows
const E7 = 1e7;
const MOST = 5; // pages of jobs

/** Jobs with `way` in metres or null, what is worth the way first. `here`: [lat, lon] in degrees, or null. */
export function ranked(jobs, here) {
  const cost = ({ rank, way }) => (way ?? NOWHERE_M) + RANK_M * (rank - 1);
  const seen = jobs.map((job) => ({ ...job, way: here && job.place ? between(here, [job.place.lat / E7, job.place.lon / E7]) : null }));
  return seen.sort((a, b) => cost(a) - cost(b) || a.opened_at - b.opened_at || (a.job_id < b.job_id ? -1 : 1));
}

export class Duty {
  #inside;

  constructor(inside) {
    this.#inside = inside;
  }

  /** {jobs, at: Unix s, stale}: open ones, unranked; each with `waits` where the cloud has not heard yet what was done. */
  async jobs() {
    const { value, ...when } = await this.#fresh("/jobs", () => this.#inside.api.pages("/jobs", "jobs", 100, MOST));
    const waiting = await this.#waiting("job");
    const over = (row) => row.path.endsWith("/done");
    const jobs = value.map((job) => {
      const mine = waiting.filter(({ path }) => path.startsWith(`/jobs/${job.job_id}/`));
      if (mine.some(over)) return null;
      return mine.length ? { ...job, assigned_to: mine.at(-1).body.user, waits: true } : job;
    });
    return { jobs: jobs.filter(Boolean), ...when };
  }

  async job(job_id) {
    return (await this.jobs()).jobs.find((job) => job.job_id === job_id) ?? null;
  }

  take({ job_id }) {
    return this.#do("job", `/jobs/${job_id}/assign`, { user: this.#inside.user });
  }

  leave({ job_id }) {
    return this.#do("job", `/jobs/${job_id}/assign`, { user: null });
  }

  done({ job_id }, note) {
    return this.#do("job", `/jobs/${job_id}/done`, { note });
  }

  /** Everything about one: {asset, lock: null without, at, stale}; `asset.waits` as in jobs(). Null where there is none. */
  async bike(code) {
    const path = `/assets?code=${encodeURIComponent(code)}`;
    const { value, ...when } = await this.#fresh(path, () => this.#inside.api.get(path));
    if (!value.assets.length) return null;
    const asset = { ...value.assets[0] };
    const waiting = await this.#waiting("asset");
    for (const { path, body } of waiting.filter(({ path }) => path.startsWith(`/assets/${asset.asset_id}/`))) {
      if (path.endsWith("/lock")) asset.lock_id = body.lock ?? null;
      else Object.assign(asset, body.in_service ? { out_since: null, out_reason: null } : { out_since: when.at, out_reason: body.reason ?? null });
      asset.waits = true;
    }
    return { asset, lock: asset.lock_id && (await this.lock(asset.lock_id)), ...when };
  }

  /** What the cloud was told last, with `at` and `stale`; null where this phone never asked and cannot now. */
  async lock(lock_id) {
    try {
      const { value, ...when } = await this.#fresh(`/locks/${lock_id}`, () => this.#inside.api.get(`/locks/${lock_id}`));
      return { ...value, ...when };
    } catch (refused) {
      if (refused.later || refused.code === "not_found") return null;
      throw refused;
    }
  }

  putOut({ asset_id }, reason) {
    return this.#do("asset", `/assets/${asset_id}/service`, { in_service: false, ...(reason && { reason }) });
  }

  putIn({ asset_id }) {
    return this.#do("asset", `/assets/${asset_id}/service`, { in_service: true });
  }

  /** This lock on that bicycle, in place of the one that it has. */
  fit({ asset_id }, lock) {
    return this.#do("asset", `/assets/${asset_id}/lock`, { lock });
  }

  /** It blinks at its next word: of no use later, so never queued. */
  find(lock_id) {
    return this.#inside.api.send("POST", `/locks/${lock_id}/commands`, { kind: "find" });
  }

  /** [{lock_id, code, way, rank, state, battery_mv, seen_at, riding}]: the fleet, nearest first. */
  async fleet(here) {
    const { value } = await this.#fresh("/fleet", () => this.#inside.api.get("/fleet"));
    const named = (row) => Object.fromEntries(value.columns.map((name, at) => [name, row[at]]));
    const placed = ({ bike, lat, lon, ...row }) => ({ ...row, code: bike, way: here && lat !== null ? between(here, [lat / E7, lon / E7]) : null });
    const far = ({ way }) => way ?? Infinity;
    return value.rows.map(named).map(placed).sort((a, b) => far(a) - far(b) || a.code.localeCompare(b.code, undefined, { numeric: true }));
  }

  // ---- the outbox

  /** Promise of {queued}. What the cloud refuses at once rejects, and is forgotten: the person is there to hear it. */
  async #do(kind, path, body) {
    const { db, outbox, rider, tell } = this.#inside;
    const row = outbox.row(kind, "POST", path, body);
    await db.put("outbox", row);
    tell();
    const left = await gone({ db, rider }, row);
    if (left?.refused) {
      await rider.dismiss(left.n);
      throw new Refused(409, left.refused.code, left.refused.text);
    }
    return { queued: Boolean(left) };
  }

  async #waiting(kind) {
    return (await this.#inside.outbox.waiting()).filter((row) => row.kind === kind);
  }

  #fresh(path, load) {
    return this.#inside.fresh(path, load);
  }
}
