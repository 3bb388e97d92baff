// Numbers, lengths of time and times as people read them.

import { h } from "./dom.js";
import { languageTag, t } from "./text.js";

const known = new Map();

// Formatters are costly to make.
function intl(kind, options) {
  const key = kind.name + languageTag() + JSON.stringify(options);
  if (!known.has(key)) known.set(key, new kind(languageTag(), options));
  return known.get(key);
}

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// A count: in full up to 99,999, then with a unit.
export function count(value) {
  if (!isNumber(value)) return "\u2013";
  const options = Math.abs(value) < 100_000 ? { maximumFractionDigits: 0 } : { notation: "compact", maximumFractionDigits: 1 };
  return intl(Intl.NumberFormat, options).format(value);
}

// A rate, with as many digits as say something.
export function rate(value) {
  if (!isNumber(value)) return "\u2013";
  return intl(Intl.NumberFormat, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

// A share in per cent. What is not all never reads as 100 %.
export function share(value) {
  if (!isNumber(value)) return "\u2013";
  const near = value > 0.9 && value < 1 ? Math.min(value, 0.99999) : value;
  const digits = near > 0.9995 && near < 1 ? 3 : near > 0.99 && near < 1 ? 2 : 1;
  const rounded = near < 1 ? Math.floor(near * 10 ** (digits + 2)) / 10 ** (digits + 2) : near;
  return intl(Intl.NumberFormat, { style: "percent", maximumFractionDigits: digits }).format(rounded);
}

// A length of time, with two units at most.
export function length(ms) {
  if (!isNumber(ms)) return "\u2013";
  if (ms < 0) return `\u2212${length(-ms)}`;
  if (ms < 1_000) return t("unit.ms", { n: Math.round(ms) });
  if (ms < 10_000) return t("unit.s", { n: Number((ms / 1_000).toFixed(2)) });
  if (ms < 60_000) return t("unit.s", { n: Number((ms / 1_000).toFixed(1)) });
  const pairs = [[86_400_000, "unit.d", 3_600_000, "unit.h"], [3_600_000, "unit.h", 60_000, "unit.m"], [60_000, "unit.m", 1_000, "unit.s"]];
  const [big, bigName, small, smallName] = pairs.find(([unit]) => ms >= unit);
  const rest = Math.floor((ms % big) / small);
  const whole = t(bigName, { n: Math.floor(ms / big) });
  return rest ? `${whole} ${t(smallName, { n: rest })}` : whole;
}

// A rough age, for what changes every second.
export function age(ms) {
  if (ms < 1_000) return t("unit.s", { n: 0 });
  if (ms < 60_000) return t("unit.s", { n: Math.floor(ms / 1_000) });
  if (ms < 3_600_000) return t("unit.m", { n: Math.floor(ms / 60_000) });
  if (ms < 172_800_000) return t("unit.h", { n: Math.floor(ms / 3_600_000) });
  return t("unit.d", { n: Math.floor(ms / 86_400_000) });
}

const isValid = (ms) => isNumber(ms) && ms > 0 && ms < 8.64e15;
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };

// The time of day, with the date where it is not today's.
export function clock(ms, { millis = false, seconds = true } = {}) {
  if (!isValid(ms)) return "\u2013";
  const options = { ...CLOCK };
  if (!seconds) delete options.second;
  if (millis) options.fractionalSecondDigits = 3;
  if (new Date(ms).toDateString() !== new Date().toDateString()) Object.assign(options, { month: "short", day: "numeric" });
  return intl(Intl.DateTimeFormat, options).format(ms);
}

// Everything about a time: date, milliseconds, zone.
export function fullTime(ms) {
  if (!isValid(ms)) return "\u2013";
  const options = { ...CLOCK, year: "numeric", month: "short", day: "numeric", fractionalSecondDigits: 3, timeZoneName: "shortOffset" };
  return intl(Intl.DateTimeFormat, options).format(ms);
}

// A time as a node, with the whole of it on hover.
export function time(ms, options) {
  if (!isValid(ms)) return h("span", { class: "none" }, "\u2013");
  return h("time", { datetime: new Date(ms).toISOString(), title: fullTime(ms) }, clock(ms, options));
}

// What a `datetime-local` input takes, and back.
export function toInput(ms) {
  const date = new Date(ms);
  return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
export const fromInput = (text) => (text ? new Date(text).getTime() : Number.NaN);
