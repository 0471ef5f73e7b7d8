// What every answer tells: its window and filters, and what was read.

import {dim, el, icon, svg, time} from "./elements.js";
import {CLOCK, MINUTE, count, list, number, object, percent, plain, some, text} from "./words.js";

const FILTERS = ["resource", "connection_id", "source_name", "fleet_refs", "operation", "source_id"];

// The window and filters of an answer as arguments of the next question.
export function same(answer) {
  const filters = object(answer.filters), window = object(answer.window);
  const given = FILTERS.filter(name => filters[name] != null).map(name => [name, filters[name]]);
  return {...Object.fromEntries(given), from_datetime: window.from_datetime, to_datetime: window.to_datetime};
}

export const period = window =>
  [time(window.from_datetime, {...MINUTE, year: "numeric"}, ""), " to ", time(window.to_datetime, MINUTE)];

export function asked(answer, withFilters = true) {
  const window = object(answer.window);
  const filters = Object.entries(object(answer.filters)).map(([name, value]) => `${plain(name)} ${text([value].flat().join(", "), 120)}`);
  return dim(
    answer.window && period(window),
    window.default && " (the default)",
    withFilters && filters.length > 0 && ` · ${filters.join("; ")}`,
    answer.as_of && [" · as of ", time(answer.as_of, CLOCK)],
  );
}

export function covered(answer) {
  const told = object(answer.coverage), parts = Object.values(told).filter(part => part?.complete === false);  // of two windows, each has its own
  const coverage = {complete: answer.complete, note: answer.note, ...told, ...(parts.length > 0 && {complete: false})}, note = text(coverage.note, 900);
  const scanned = Number.isFinite(coverage.scanned) && some(coverage.scanned, "operation");
  if (coverage.complete === false) return partly(object(answer.window), coverage, scanned, note);
  if (coverage.complete) return dim(el("span", {class: "good"}, icon("✓"), "Read whole"), scanned && `: ${scanned}`, note && `. ${note}`);
  return note && dim(note);
}

function partly(window, coverage, scanned, note) {
  const from = +new Date(window.from_datetime), whole = new Date(window.to_datetime) - from;
  const start = (new Date(coverage.covered_from) - from) / whole, part = (new Date(coverage.covered_to) - new Date(coverage.covered_from)) / whole;
  const span = coverage.covered_from && ["Every number covers ", period({from_datetime: coverage.covered_from, to_datetime: coverage.covered_to}), ". "];
  return el("div", {class: "dim"},
    el("p", {}, el("b", {class: "warn"}, icon("⚠"), "Not read whole. "), scanned && `${scanned} read. `, span, note),
    part > 0 && svg("svg", {class: "cover", viewBox: "0 0 100 6", preserveAspectRatio: "none", role: "img", "aria-label": `${percent(part)} of the window was read`},
      svg("rect", {class: "ground", width: 100, height: 6}), svg("rect", {class: "fine", x: Math.max(0, 100 * start), width: 100 * part, height: 6})),
  );
}

export function headline(totals, where = "") {
  const {failed, operations, failure_rate: rate} = totals;
  if (failed > 0)
    return el("h1", {}, `${count(failed)} of ${some(operations, "operation")} failed${where} `, el("span", {class: "bad"}, percent(rate ?? failed / operations)));
  return el("h1", {}, operations > 0 ? `No failures in ${some(operations, "operation")}${where}` : `No operations${where}`);
}

export const largest = (entries, of) => Math.max(...list(entries).map(entry => number(of(entry))), 0);
