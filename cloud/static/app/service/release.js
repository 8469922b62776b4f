// Releases of the locks' own code on their way to a lock: fetched while there is a network, part by part, so that a
// broken download goes on where it stopped; brought where there is none. The phone judges nothing: the lock does.

import { unb64 } from "../keep/api.js";

export class Releases {
  #inside;

  constructor(inside) {
    this.#inside = inside;
  }

  /** {version, id: SHA-256 of its manifest in hex, size, here: bytes on this phone} for this lock, or null. */
  async offered(lock_id) {
    const path = `/locks/${lock_id}/release`;
    let said;
    try {
      said = (await this.#inside.fresh(path, () => this.#inside.api.get(path))).value;
    } catch (refused) {
      if (refused.later || refused.code === "none_offered") return null;
      throw refused;
    }
    const { manifest, files, version, digest } = said;
    const size = files.reduce((sum, each) => sum + each.size, unb64(manifest).length);
    const here = (await this.#parts(digest)).reduce((sum, { data }) => sum + data.length, 0);
    return { version, id: digest, size, here, lock_id, manifest, files };
  }

  /** Puts all of it on this phone, and forgets others. `told(bytes here)` after each part. */
  async fetch({ id, lock_id, manifest, files }, told = () => {}) {
    const { db, api } = this.#inside;
    const others = (await db.all("releases")).filter((row) => row.release !== id);
    await db.write(["releases"], ({ releases }) => others.forEach((row) => releases.delete(row.id)));
    const have = new Map((await this.#parts(id)).map(({ name, data }) => [name, data.length]));
    const keep = async (name, data) => {
      await db.put("releases", { id: `${id} ${name}`, release: id, name, data });
      have.set(name, data.length);
      told([...have.values()].reduce((sum, size) => sum + size, 0));
    };
    for (const { name } of files.filter((each) => !have.has(each.name))) {
      await keep(name, unb64((await api.get(`/locks/${lock_id}/release/files/${name}`)).data));
    }
    if (!have.has("")) await keep("", unb64(manifest)); // last: it says that the rest is there
  }

  /** {id, version, parts: [[name, bytes]]}: as a lock asks for it, the manifest (no name) first; null if not all is here. */
  async whole({ id, version, files }) {
    const found = new Map((await this.#parts(id)).map(({ name, data }) => [name, data]));
    const parts = ["", ...files.map(({ name }) => name)].map((name) => [name, found.get(name)]);
    return parts.every(([, data]) => data) ? { id, version, parts } : null;
  }

  async #parts(id) {
    return (await this.#inside.db.all("releases")).filter((row) => row.release === id);
  }
}
