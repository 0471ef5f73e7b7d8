// Values of a result as words: every field may be missing, new, or text of others.

import {host} from "./wire.js";

export const list = value => Array.isArray(value) ? value : [];
export const object = value => value && typeof value === "object" ? value : {};
export const number = value => Number.isFinite(value) ? value : 0;

const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+/gu;
const HEAPED = /(\p{M}{3})\p{M}+/gu;

// One line, without what turns, hides or heaps characters. It becomes a text node, never markup.
export function text(value, most = 400) {
  const line = String(value ?? "").slice(0, 4 * most).replace(CONTROL, " ").replace(HEAPED, "$1").trim();
  return line.length > most ? line.slice(0, most - 1) + "…" : line;
}

// What may stand in our own sentences to a model: ids, times and names without spaces.
export const word = value => /^[\w.:-]{1,80}$/.test(value ?? "") ? String(value) : "(unnamed)";

export const plain = name => text(name, 60).replaceAll("_", " ");

// The board's words are English, so are its numbers and times: in the reader's own kind of English where it is known.
function locale() {
  const known = [host.context.locale, navigator.language].find(tag => /^en(-|$)/i.test(tag ?? "") && valid(tag));
  return known ?? "en-GB";
}
function valid(tag) {
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}

// Formats are dear to make and cheap to use.
const formats = new Map();
function format(Kind, options) {
  const key = [host.context.locale, Kind.name, JSON.stringify(options)].join();
  if (!formats.has(key)) formats.set(key, new Kind(locale(), options?.hour && options.timeZone ? {...options, hour: hours()} : options));
  return formats.get(key);
}
const hours = () => format(Intl.DateTimeFormat, {hour: "numeric"}).resolvedOptions().hour12 ? "numeric" : "2-digit";

export const count = n => Number.isFinite(n) ? format(Intl.NumberFormat).format(n) : "?";
export const some = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
export function percent(share) {
  if (!Number.isFinite(share)) return "?";
  return share > 0 && share < .0005 ? "<0.1 %" : `${format(Intl.NumberFormat, {maximumFractionDigits: 1}).format(share * 100)} %`;
}

export const MINUTE = {day: "numeric", month: "short", hour: "numeric", minute: "2-digit"};
export const SECOND = {...MINUTE, second: "2-digit"};
export const CLOCK = {hour: "numeric", minute: "2-digit"};

export function clock(moment, form = MINUTE, timeZone = "UTC") {
  const date = new Date(moment);
  return isNaN(date) ? text(moment, 40) : format(Intl.DateTimeFormat, {...form, timeZone}).format(date);
}

export function local(moment) {
  try {
    return clock(moment, {dateStyle: "medium", timeStyle: "long"}, host.context.timeZone);
  } catch {
    return "";  // a host may name a zone that this browser does not know
  }
}

export function lasting(seconds) {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 90) return `${count(Math.round(seconds * 10) / 10)} s`;
  if (seconds < 5400) return `${count(Math.round(seconds / 60))} min`;
  return seconds < 172_800 ? `${count(Math.round(seconds / 3600))} h` : `${count(Math.round(seconds / 86_400))} d`;
}

export const kind = cause =>
  [cause.error_type, cause.status_code].filter(part => part != null).map(part => text(part, 40)).join(" ");

const OWNERS = {
  partner: "Partner acts", fleet: "Fleet acts", tsp: "TSP acts", catena: "Catena acts", unknown: "Owner unknown",
};
export const owner = who => OWNERS[who] ?? text(who, 30);
export const retry = helps => helps === true ? "Retry helps" : helps === false ? "Do not retry" : "Retry: unknown";

// A cause and a window in our own sentences.
export const named = cause => {
  const parts = [cause.source_name, cause.error_type, cause.status_code].filter(part => part != null);
  return `cause ${word(cause.id)} (${parts.map(word).join(" ")})`;
};
export const within = ({window}) => `window ${word(object(window).from_datetime)} to ${word(object(window).to_datetime)}`;
