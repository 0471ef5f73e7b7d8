// Two windows: what is new, gone, worse or better.

import {asked, covered, largest, period} from "./answer.js";
import {card} from "./cause.js";
import {bar, dim, el, icon, listed, tag, time} from "./elements.js";
import {choices} from "./summary.js";
import {count, list, number, object, percent, plain, some, text} from "./words.js";

const CHANGES = {new: ["●", "bad"], worse: ["▲", "bad"], better: ["▼", "good"], gone: ["✓", "good"], same: ["=", ""]};

export function comparison(board) {
  const {answer} = board, totals = object(answer.totals), baseline = object(answer.baseline), other = object(answer.other);
  const [verdict, rest] = text(answer.verdict).split(/\.\s+(.*)/), rate = largest(list(answer.groups), cause => Math.max(number(cause.rate), number(cause.baseline_rate))) || 1;
  const windows = [["this window", "failed", object(totals.window)], ["before", "", object(totals.baseline)]], top = largest(windows, ([, , rates]) => rates.failure_rate);
  return [
    el("h1", {}, verdict),
    rest && el("p", {}, rest),
    asked(answer),
    baseline.from_datetime && dim("Compared with ", period(baseline), baseline.default && " (just before)"),
    covered(answer),
    el("div", {class: "bars acts"}, windows.map(([name, look, rates]) => [
      el("span", {class: "dim"}, name), bar([[look, rates.failure_rate]], top), el("span", {}, `${percent(rates.failure_rate)}, ${count(rates.failed)} of ${count(rates.operations)}`),
    ])),
    choices(board, list(answer.groups)),
    listed("Causes", list(answer.groups).map(cause => changed(answer, cause, baseline, rate))),
    other.groups > 0 && dim(`${some(other.groups, "more cause")} with ${some(other.count, "failure")} not shown.`),
  ];
}

function changed(answer, cause, baseline, top) {
  const [sign, look] = CHANGES[cause.change] ?? ["", ""];
  const line = (name, part, n, rate) => [el("span", {class: "dim"}, name), bar([[part, rate]], top), el("span", {}, `${count(n)} (${percent(rate)})`)];
  return card(answer, cause, {
    edge: look ? `var(--${look})` : "var(--mark)",
    window: cause.change === "gone" && baseline.from_datetime && {from_datetime: baseline.from_datetime, to_datetime: baseline.to_datetime},
    side: [tag(el("span", {class: look}, icon(sign)), plain(cause.change)), cause.since && el("span", {class: "dim"}, "since ", time(cause.since))],
    below: el("div", {class: "bars"},
      line("now", "failed", cause.count, cause.rate),
      line("before", "", cause.baseline_count, cause.baseline_rate),
    ),
  });
}
