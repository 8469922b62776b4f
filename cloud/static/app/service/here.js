// Where the technician is: asked for in a tap, or without one where it was allowed before. It goes to nobody.

let here = null; // [lat, lon] in degrees, kept while the app is open

/** The last one known, or null; `moved(place)` when a newer one is. Asks nobody unless the browser was allowed to tell already. */
export async function known(moved = () => {}) {
  const allowed = await navigator.permissions?.query({ name: "geolocation" }).catch(() => null);
  if (allowed?.state !== "granted") return here;
  const before = here;
  const now = locate().catch(() => here);
  if (!before) return now;
  now.then((found) => found !== before && moved(found));
  return before;
}

export function locate() {
  return new Promise((found, failed) => {
    const no = (error) => failed({ code: error?.code === 1 ? "place_denied" : "place_unknown" });
    if (!navigator.geolocation) return no();
    const yes = ({ coords }) => found((here = [coords.latitude, coords.longitude]));
    navigator.geolocation.getCurrentPosition(yes, no, { timeout: 10_000, maximumAge: 60_000 });
  });
}
