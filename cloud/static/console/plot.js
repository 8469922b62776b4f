// A figure over time as SVG, with the same in words for who listens.

import { h, svg } from "./dom.js";
import { t, when } from "./words.js";

const HIGH = 160;
const LEFT = 56;
const BELOW = 22;

/** `points` [[unix, low, high]], oldest first; `name` says what it is; `figure(value)` writes one. */
export function plot(name, points, figure) {
  const wide = Math.min(1080, Math.max(280, document.documentElement.clientWidth - 80)); // a letter is as large as elsewhere
  const times = points.map(([time]) => time);
  const from = Math.min(...times);
  const to = Math.max(...times, from + 1);
  const low = Math.min(...points.map(([, value]) => value));
  const high = Math.max(...points.map(([, , value]) => value), low + 1);
  const x = (time) => LEFT + ((time - from) / (to - from)) * (wide - LEFT - 8);
  const y = (value) => 8 + ((high - value) / (high - low)) * (HIGH - BELOW - 16);
  const up = points.map(([time, , value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`);
  const down = points.map(([time, value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`).reverse();
  const label = (at, anchor, text, line = HIGH - 6) => svg("text", { class: "scale", x: at, y: line, "text-anchor": anchor }, text);
  const [first, last] = [points[0], points.at(-1)];
  const said = { name, from: when(from), to: when(to), first: figure(first[1]), last: figure(last[2]), low: figure(low), high: figure(Math.max(...points.map(([, , value]) => value))) };
  return h(
    "figure",
    { class: "plot" },
    h("figcaption", {}, `${name}: ${figure(last[2])}, ${when(last[0])}`),
    svg(
      "svg",
      { viewBox: `0 0 ${wide} ${HIGH}`, role: "img", "aria-label": t("plot.said", said) },
      svg("polygon", { class: "band", points: [...up, ...down].join(" ") }),
      label(LEFT - 6, "end", figure(high), 16),
      label(LEFT - 6, "end", figure(low), HIGH - BELOW - 4),
      label(LEFT, "start", when(from)),
      label(wide - 8, "end", when(to)),
    ),
  );
}
