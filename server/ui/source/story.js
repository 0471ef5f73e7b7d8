// The story of one record: its writes in order of time, and how it stands.

import {asked, covered} from "./answer.js";
import {dim, el, icon, id, pairs, said, time} from "./elements.js";
import {signOf, state} from "./operations.js";
import {SECOND, count, kind, lasting, list, object, plain, some, text} from "./words.js";

const STANDS = {
  in_sync: ["good", "✓", "in sync", "The last write succeeded."],
  out_of_sync: ["bad", "✕", "out of sync", "The last write failed, so the TSP holds something older."],
  pending: ["warn", "…", "pending", "The last write has not ended."],
  never_written: ["bad", "○", "never written", "No write of it succeeded."],
};

export function story(answer, level = "h1") {
  const record = object(answer.record), steps = list(answer.story), [look, sign, stands, means] = STANDS[answer.state] ?? ["", "", plain(answer.state), ""];
  return [
    el(level, {}, plain(record.resource), " ", steps.length ? el("span", {class: look}, icon(sign), stands) : "without a write in this window"),
    steps.length > 0 && dim(means, " ", head(object(answer.head), steps.length)),
    asked(answer, false),
    covered(answer),
    pairs([["TSP", text(record.source_name, 60)], ["Fleet", text(record.fleet_ref, 64)], ["Source id", id(record.source_id)], ["Resource id", id(record.resource_id)], ["Connection", id(record.connection_id)]]),
    el("ol", {class: "story", "aria-label": "Writes, oldest first"}, steps.map((step, i) => write(step, steps[i - 1]))),
    list(answer.changes).length > 0 && [el("h2", {}, "Last write against the last success"), pairs(list(answer.changes).map(change))],
  ];
}

function head({writes, failed, last_success: success, first_failure_since: since}, shown) {
  return [
    some(writes ?? shown, "write"), failed != null && `, ${count(failed)} failed`,
    success && [", last success ", time(success)], since && [", failing since ", time(since)], ".",
  ];
}

function write(step, before) {
  const [look, sign] = signOf(step.status), error = object(step.error), gap = before && (new Date(step.created_at) - new Date(before.created_at)) / 1000;
  return el("li", {},
    el("span", {class: `dot ${look}`, "aria-hidden": "true"}, sign),
    el("div", {class: "row"}, time(step.created_at, SECOND), el("b", {}, plain(step.operation_type)), state(step.status), step.attempts > 1 && el("span", {class: "dim"}, some(step.attempts, "attempt")), gap > 0 && el("span", {class: "dim"}, `${lasting(gap)} later`)),
    error.message && el("div", {}, kind(error), " ", said(error.message)),
    list(step.changed).length > 0 && dim(`differs in ${step.changed.map(field => text(field, 60)).join(", ")}`),
    dim(id(step.operation_id)),
  );
}

const change = ({field, change: how, before, after}) => [text(field, 60), [plain(how), before != null && [" from ", said(before)], after != null && [" to ", said(after)]]];
