// Words and figures in the rider's language. Only that language is loaded, and at the lock only what is said there.

const KEPT = "ringslot.language"; // the console's choice too
export const languages = { en: "English", nl: "Nederlands" };
export const language = chosen();

const { default: WORDS } = await import(`./words_${language}.js`);
const region = navigator.languages.find((tag) => tag.startsWith(language)) ?? language;
const number = new Intl.NumberFormat(region, { maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat(region, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const plural = new Intl.PluralRules(language);

function chosen() {
  const wanted = [localStorage.getItem(KEPT), ...navigator.languages].map((tag) => tag?.slice(0, 2));
  return wanted.find((tag) => tag in languages) ?? "en";
}

/** Kept for this browser; the page loads afresh in it. */
export function speak(tag) {
  localStorage.setItem(KEPT, tag);
  location.reload();
}

/** The words of the pages that are not at the lock. */
export async function more() {
  learn((await import(`./words_${language}_more.js`)).default);
}

export function learn(phrases) {
  Object.assign(WORDS, phrases);
}

/** t("bikes.count", {n: 3}): the phrase, {n} filled in; one that differs by count is {one, other}. */
export function t(key, values = {}) {
  let phrase = WORDS[key] ?? key;
  if (typeof phrase === "object") phrase = phrase[plural.select(values.n)] ?? phrase.other;
  return phrase.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number.format(values[name]) : (values[name] ?? "")));
}

/** The phrase, or nothing where there is none. */
export function maybe(key) {
  return key in WORDS ? t(key) : null;
}

/** A refusal as one sentence: ours where there is one, else the server's. */
export function said(refused) {
  return maybe(`problem.${refused.code}`) ?? ((language === "en" && refused.message) || t("problem.unexpected"));
}

/** Unix seconds as a date and time. */
export function when(unix) {
  return unix == null ? t("unknown") : moment.format(unix * 1000);
}

/** Seconds as "3 minutes ago". */
export function ago(seconds) {
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (seconds >= size) return relative.format(-Math.round(seconds / size), unit);
  }
  return t("just_now");
}

/** Seconds as "1 h 20 min". */
export function lasting(seconds) {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), Math.floor(seconds % 60)];
  if (h) return t("lasting.hours", { h, m });
  return m ? t("lasting.minutes", { m }) : t("lasting.seconds", { s });
}

export function metres(count) {
  return count < 1000 ? `${number.format(Math.round(count))} m` : `${number.format(count / 1000)} km`;
}
