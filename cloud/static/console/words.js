// Words and figures in the reader's language: English, or Dutch.

import en_fleet from "./words_en.js";
import en_bikes from "./words_en_bikes.js";
import en_office from "./words_en_office.js";
import nl_fleet from "./words_nl.js";
import nl_bikes from "./words_nl_bikes.js";
import nl_office from "./words_nl_office.js";

const en = { ...en_fleet, ...en_bikes, ...en_office };
const TONGUES = { en, nl: { ...nl_fleet, ...nl_bikes, ...nl_office } };
const KEPT = "ringslot.language";

export const languages = { en: "English", nl: "Nederlands" };
export const language = chosen();

// en-GB for who reads English in Europe: days before months, as the reader's browser has it
const region = navigator.languages.find((tag) => tag.startsWith(language)) ?? language;
const plural = new Intl.PluralRules(language);
const number = new Intl.NumberFormat(region);
const moment = new Intl.DateTimeFormat(region, { dateStyle: "medium", timeStyle: "short" });
const hundredths = new Intl.NumberFormat(region, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

function chosen() {
  const wanted = [localStorage.getItem(KEPT), ...navigator.languages].map((tag) => tag?.slice(0, 2));
  return wanted.find((tag) => tag in TONGUES) ?? "en";
}

/** Kept for this browser; the page loads afresh in it. */
export function speak(tag) {
  localStorage.setItem(KEPT, tag);
  location.reload();
}

/** t("fleet.locks", {n: 3}): the phrase, {n} filled in; one that differs by count is {one, other}. */
export function t(key, values = {}) {
  let phrase = TONGUES[language][key] ?? en[key] ?? key;
  if (typeof phrase === "object") phrase = phrase[plural.select(values.n)] ?? phrase.other;
  return phrase.replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === "number" ? number.format(values[name]) : (values[name] ?? ""),
  );
}

/** The word for a value of a closed list, such as state.open; the value itself when there is none. */
export function word(list, value) {
  if (value == null) return t("unknown");
  const key = `${list}.${value}`;
  return key in en ? t(key) : String(value);
}

/** A refusal as one sentence: ours where there is a translation, else the server's. */
export function said(refusal) {
  const key = `problem.${refusal.code}`;
  const sentence = key in TONGUES[language] ? t(key) : refusal.message;
  const fields = (refusal.errors ?? []).map((one) => `${one.field} ${one.detail}`);
  return [sentence, ...fields].join(" · ");
}

/** Unix seconds as a date and time. */
export function when(unix) {
  return unix == null ? t("never") : moment.format(unix * 1000);
}

const STEPS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/** How long ago, in the largest unit that fits. */
export function ago(unix, now = Date.now() / 1000) {
  if (unix == null) return t("never");
  const seconds = Math.round(now - unix);
  for (const [unit, size] of STEPS) if (Math.abs(seconds) >= size) return relative.format(-Math.round(seconds / size), unit);
  return t("just now");
}

/** Seconds as "1 h 20 min". */
export function lasting(seconds) {
  if (seconds == null) return "";
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours) return t("lasting.hours", { h: hours, m: minutes });
  return minutes ? t("lasting.minutes", { m: minutes }) : t("lasting.seconds", { s: seconds % 60 });
}

export function metres(count) {
  return count < 1000 ? `${number.format(count)} m` : `${number.format(Math.round(count / 100) / 10)} km`;
}

export function degrees(celsius) {
  return `${number.format(celsius)} °C`;
}

export function volts(millivolts) {
  return millivolts == null ? t("unknown") : `${hundredths.format(millivolts / 1000)} V`;
}
