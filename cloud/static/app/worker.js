// Keeps the app on the phone, so that it starts without a network. The cloud puts FILES before this, {address: SHA-256}:
// another file is another worker, which takes over once no page of the old one is open, or a page says "go".
// Answers of the API are none of its business: what of them outlives a page is in IndexedDB.

const FRAME = "/app/";
const NAME = "app " + hash(JSON.stringify(FILES));

function hash(text) {
  let sum = 0;
  for (const letter of text) sum = (Math.imul(sum, 31) + letter.charCodeAt(0)) | 0;
  return sum.toString(16);
}

async function install() {
  const cache = await caches.open(NAME);
  // `integrity`: a file of another version, on a cloud that is being updated, fails all of it, and it is tried anew
  await cache.addAll(Object.entries(FILES).map(([path, integrity]) => new Request(path, { integrity, cache: "no-cache" })));
}

async function activate() {
  for (const name of await caches.keys()) if (name !== NAME) await caches.delete(name);
  await clients.claim();
}

async function kept(path, request) {
  const cache = await caches.open(NAME);
  return (await cache.match(path)) ?? fetch(request);
}

const ASKED = { go: () => skipWaiting(), mine: () => clients.claim() };

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(activate()));
addEventListener("message", (event) => event.waitUntil(ASKED[event.data]?.()));
addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate" && pathname.startsWith(FRAME)) event.respondWith(kept(FRAME, request));
  else if (pathname in FILES) event.respondWith(kept(pathname, request));
});
