// Failures by something: bars for one dimension, a table for two.

import {asked, covered, headline, largest, same} from "./answer.js";
import {bad, bar, button, dim, el, facts, listed, opening, said, time} from "./elements.js";
import {heat} from "./heat.js";
import {operations} from "./operations.js";
import {host} from "./wire.js";
import {clock, count, list, number, object, percent, plain, some, text} from "./words.js";

const ARGUMENTS = {source_name: "source_name", connection_id: "connection_id", resource: "resource", operation: "operation", status: "status", cause: "group"};
const HOUR_MS = 3_600_000;

export function breakdown({answer}) {
  const by = [answer.by].flat().filter(Boolean).map(String), cells = list(answer.rows).map(row => ({row, parts: partsOf(row.key ?? row, by)}));
  const records = object(object(answer.totals).records), other = object(answer.other);
  return [
    headline(object(answer.totals)),
    dim(`by ${by.map(plain).join(" and ")}`),
    asked(answer),
    covered(answer),
    records.failed > 0 && dim(`${some(records.failed, "record")} failed: ${count(records.recovered)} recovered, `, records.unresolved > 0 ? bad(`${count(records.unresolved)} still wrong`) : "none still wrong", records.unknown > 0 && `, ${count(records.unknown)} unknown`),
    tableOf(answer, by, cells) || bars(answer, by, cells),
    other.rows > 0 && dim(`${some(other.rows, "more row")} with ${count(other.failed)} of ${count(other.operations)} failed not shown.`),
  ];
}

function partsOf(key, by) {
  if (Array.isArray(key)) return key;
  return by.some(name => name in object(key)) ? by.map(name => key[name]) : [key];
}

// More hours than a day has are read best by hour and day.
function tableOf(answer, by, cells) {
  if (by.length === 2) return heat(answer, by, cells);
  const hours = by[0] === "hour" && cells.length > 24 && cells.every(({parts}) => dayOf(parts[0]));
  return hours && heat(answer, ["hour", "day"], cells.map(({row, parts}) => ({row, parts: [parts[0], parts[0]]})));
}

export const dayOf = value => /^\d{4}-\d\d-\d\d/.exec(String(value))?.[0];
export function hourOf(value) {
  const found = /T(\d\d)|^(\d{1,2})(?::|$)/.exec(String(value));
  return found ? Number(found[1] ?? found[2]) : null;
}

export function nameOf(dimension, value) {
  if (value == null || value === "") return "none";
  if (dimension === "day" && dayOf(value)) return clock(dayOf(value), {weekday: "short", day: "numeric", month: "short"});
  if (dimension === "hour" && dayOf(value)) return `${clock(value)} UTC`;
  if (dimension === "hour" && hourOf(value) != null) return `${String(hourOf(value)).padStart(2, "0")}:00 UTC`;
  return text(typeof value === "object" ? value.title ?? value.id : value, 120);
}

// The arguments that mean a row, or null where the API cannot be asked for it.
export function meant(answer, by, parts) {
  const given = {...same(answer), status: "failed"};
  for (const [i, name] of by.entries()) {
    if (name === "day" || name === "hour") continue;
    const value = typeof parts[i] === "object" ? parts[i]?.id : parts[i];
    if (value == null || !(name in ARGUMENTS || name === "fleet_ref")) return null;
    if (name === "fleet_ref") given.fleet_refs = [value];
    else given[ARGUMENTS[name]] = value;
  }
  return by.includes("day") || by.includes("hour") ? clipped(given, parts[by.indexOf("day")], parts[by.indexOf("hour")]) : given;
}

function clipped(given, day, hour) {
  const date = dayOf(day ?? hour), at = hour === undefined ? 0 : hourOf(hour);
  if (!date || at == null) return null;
  const start = Date.parse(`${date}T00:00:00Z`) + at * HOUR_MS, end = start + (hour === undefined ? 24 : 1) * HOUR_MS;
  const edge = (moment, own, pick) => new Date(pick(moment, +new Date(own) || moment)).toISOString();
  return {...given, from_datetime: edge(start, given.from_datetime, Math.max), to_datetime: edge(end, given.to_datetime, Math.min)};
}

function bars(answer, by, cells) {
  const top = largest(cells, ({row}) => row.failed) || 1;
  return listed(`By ${by.map(plain).join(" and ")}`, cells.map(({row, parts}, i) => {
    const given = host.ready && row.failed > 0 && meant(answer, by, parts), name = by.map((dimension, at) => nameOf(dimension, parts[at])).join(" · ");
    const open = given && button(name, null, {class: "open"}), key = `row-${i}`, panel = open && opening(key, open, () => operations(key, given));
    return el("li", {},
      el("div", {class: "card", "--edge": row.failed > 0 ? "var(--bad)" : "var(--mark)"},
        el("h3", {class: "plain"}, open || name),
        el("div", {class: "side"}, el("b", {}, count(row.failed)), row.failure_rate != null && el("small", {class: "dim"}, ` of ${count(row.operations)}, ${percent(row.failure_rate)}`)),
        el("div", {class: "wide"}, bar([["failed", number(row.failed)]], top), rowFacts(row))),
      panel,
    );
  }));
}

function rowFacts(row) {
  const {unresolved} = object(row.records), cause = object(row.top_cause);
  return facts(
    unresolved > 0 && bad(some(unresolved, "record"), " still wrong"),
    row.recovered_at && el("span", {class: "good"}, "recovered ", time(row.recovered_at)),
    row.first_seen && el("span", {}, time(row.first_seen), " to ", time(row.last_seen)),
    cause.title && el("span", {}, "mostly ", said(cause.title, 100), ` ${count(cause.count)}`),
  );
}
