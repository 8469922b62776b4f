// The code on the bicycle: by camera where the browser reads QR codes, else typed.

import { h, show } from "../../console/dom.js";
import { form, soft } from "../ui.js";
import { t } from "../words.js";

const LOOK_MS = 250;
const CODE = /^[0-9A-Za-z-]{1,32}$/;

export async function open(into, _place, app) {
  const seen = h("div", { class: "camera" });
  const field = { code: { label: t("scan.code"), hint: t("scan.where"), required: true, pattern: "[0-9A-Za-z\\-]{1,32}", autocapitalize: "characters", autocomplete: "off", spellcheck: "false" } };
  show(into, h("h1", {}, t("scan.title")), seen, form(field, t("scan.button"), ({ code }) => app.go(app.place("b", code))));
  let over = false;
  let stream = null;
  const end = () => ((over = true), stream?.getTracks().forEach((track) => track.stop()));
  look(); // typing does not wait for the camera
  return end;

  async function look() {
    const kinds = "BarcodeDetector" in globalThis ? await BarcodeDetector.getSupportedFormats().catch(() => []) : [];
    if (!kinds.includes("qr_code")) return show(seen, soft(t("scan.none")));
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      return show(seen, soft(t("scan.denied")));
    }
    if (over) return end();
    const video = h("video", { autoplay: true, muted: true, playsinline: true, "aria-label": t("scan.picture") });
    video.srcObject = stream;
    show(seen, video);
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    while (!over) {
      const found = await detector.detect(video).catch(() => []);
      const code = found.map((one) => codeOf(one.rawValue)).find(Boolean);
      if (code && !over) return app.go(app.place("b", code), { instead: true });
      await new Promise((settle) => setTimeout(settle, LOOK_MS));
    }
  }
}

/** Of what a sticker says: a link to here that ends in /b/CODE, or the bare code. Another site's link is none. */
function codeOf(text) {
  if (CODE.test(text)) return text;
  const link = URL.canParse(text) ? new URL(text) : null;
  const code = link?.origin === location.origin && /^(\/app)?\/b\/([^/]+)$/.exec(link.pathname)?.[2];
  return CODE.test(code || "") ? code : null;
}
