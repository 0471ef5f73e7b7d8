// One cause: whom it hits, who has to act, how it goes, and what can be done from here.

import {same} from "./answer.js";
import {bad, bar, button, copy, el, facts, flat, icon, id, opening, pairs, said, svg, tag, tell, time} from "./elements.js";
import {operations} from "./operations.js";
import {host, look, say} from "./wire.js";
import {count, kind, list, named, object, owner, percent, plain, retry, some, text, within, word} from "./words.js";

const TRENDS = {rising: "↗", falling: "↘", steady: "→", stopped: "■"};
const BECAME = ["unresolved", "recovered", "unknown"];

// A card that opens to `more`, its operations and what can be asked; `window` stands for the answer's where it is given.
export function card(answer, cause, {edge, side, below, more, window}) {
  const key = word(cause.id);
  const label = [text(cause.source_name, 60), " ", el("span", {class: "kind"}, kind(cause)), " ", text(cause.title) && said(cause.title, 160), el("span", {class: "sr"}, `, ${some(cause.count, "failure")}`)];
  const open = (more || host.ready) && button(label, null, {class: "open"});  // a report holds no more than the answers
  const panel = open && opening(key, open, () => {
    look(`The person looks at ${named(cause)}, ${some(cause.count, "failure")}, on the failure board; ${within(answer)}.`);
    return [more, operations(key, {...same(answer), ...window, group: cause.id, status: "failed"}), questions(answer, cause)];
  });
  return el("li", {}, el("div", {class: "card", "--edge": edge}, el("h3", {}, open || label), el("div", {class: "side"}, side), below), panel);
}

function questions(answer, cause) {
  if (!host.capabilities.message) return null;
  const about = `${named(cause)}, ${within(answer)}`;
  const ask = (label, what) => button(label, () => say(what).then(() => tell("Sent to the chat"), () => tell("The host did not take the message")));
  return el("div", {class: "row acts"},
    ask("Ask the assistant about this", `Explain ${about}: why does it happen, since when, for whom, who has to act, is it fixed, and what is next?`),
    ask("Draft the message to the TSP", `Draft the message to the support of the TSP ${word(cause.source_name)} about ${about}: counts, times in UTC, status codes and the request ids of three operations (list_resource_operations with group ${word(cause.id)} and detail full). Leave out personal data and other customers.`),
    cause.owner === "fleet" && ask("Draft the message to the fleet", `Draft the message to the fleets hit by ${about}: what fails, since when, what they have to do, which records are still wrong. Leave out personal data and other fleets.`),
  );
}

export function causeCard(answer, timelines, cause) {
  const shape = list(object(timelines)[cause.id]);
  return card(answer, cause, {
    edge: edgeOf(cause),
    side: [el("b", {}, count(cause.count)), " ", el("small", {class: "dim"}, percent(cause.share)), shape.length ? spark(shape, marked(cause)) : span(answer.window, cause)],
    below: glance(cause),
    more: details(cause),
  });
}

// Red is what fails now; what has stopped stands back.
const marked = cause => cause.trend === "stopped" ? "" : "failed";

function edgeOf(cause) {
  if (cause.trend !== "stopped") return "var(--bad)";
  return object(cause.outcome).unresolved === 0 ? "var(--good)" : "var(--warn)";
}

function glance(cause) {
  const since = cause.began ?? cause.first_seen;
  return facts(
    tag(owner(cause.owner)),
    tag(retry(cause.retryable)),
    cause.trend && el("span", {}, icon(TRENDS[cause.trend]), plain(cause.trend)),
    wrong(object(cause.outcome)),
    since && el("span", {}, cause.began ? "again since " : "since ", time(since)),
    cause.trend === "stopped" && cause.last_seen && el("span", {}, "until ", time(cause.last_seen)),
  );
}

function wrong({unresolved, unknown}) {
  if (!Number.isFinite(unresolved)) return null;
  if (unresolved) return bad(some(unresolved, "record"), " still wrong");
  return el("span", {class: "good"}, icon("✓"), unknown ? "none known to be wrong" : "all recovered");
}

function details(cause) {
  const hit = object(cause.affected), became = object(cause.outcome), found = object(cause.concentration), example = object(cause.example);
  const names = top => list(top).map(name => text(name, 64)).join(", ");
  const most = (n, top) => names(top) && `${count(n)} (${names(top)}${n > list(top).length ? ", …" : ""})`;
  return [
    cause.advice && el("p", {}, text(cause.advice, 600)),
    pairs([
      ["Seen", cause.first_seen && [time(cause.first_seen), " to ", time(cause.last_seen)]],
      ["Records", Number.isFinite(hit.records) && records(hit.records, became)],
      ["Fleets", most(hit.fleets, cause.top_fleets)],
      ["Connections", [most(hit.connections, cause.top_connections), list(cause.top_connections).map(copyOf)]],
      ["Resources", Object.entries(object(hit.resources)).map(([name, n]) => `${plain(name)} ${count(n)}`).join(", ")],
      ["Mostly", found.dimension && `${percent(found.share_of_failures)} on ${plain(found.dimension)} ${text(found.value, 80)}, which has ${percent(found.share_of_operations)} of all operations`],
      ...list(cause.varies).map(slot => ["Differs", differs(slot)]),
      ["Example", example.operation_id && [id(example.operation_id), " ", example.message && said(example.message)]],
      ["Cause", id(cause.id)],
    ]),
  ];
}

function records(all, became) {
  const told = BECAME.filter(name => became[name] > 0).map(name => `${count(became[name])} ${name}`);
  return [`${count(all)}: ${told.join(", ")}`, bar([["failed", became.unresolved], ["fine", became.recovered], ["", became.unknown]], all)];
}

const copyOf = value => [" ", copy("copy", text(value, 80), {"aria-label": `Copy ${text(value, 80)}`})];

const differs = slot => [text(slot.slot, 40), ": ", list(slot.top).map((one, i) => [i > 0 && ", ", said(one.value, 80), ` ${count(one.count)}`])];

const WIDE = 92, HIGH = 22;
const drawing = (label, marks) => svg("svg", {width: WIDE, height: HIGH, viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": label}, svg("rect", {class: "ground", y: HIGH - 1, width: WIDE, height: 1}), marks);

function spark(counts, look) {
  const top = Math.max(...counts, 1), step = WIDE / counts.length;
  return drawing(`Failures over the window: ${counts.map(count).join(", ")}`, counts.map((n, i) => {
    const height = Math.max(1.5, n / top * HIGH);
    return n > 0 && svg("rect", {class: look, x: i * step + .5, width: Math.max(step - 1, 1), y: HIGH - height, height});
  }));
}

// Hosts may drop what is not meant for the model, and with it the counts: then a line from the first to the last failure.
function span(window, cause) {
  const from = +new Date(object(window).from_datetime), whole = new Date(object(window).to_datetime) - from;
  const at = moment => Math.min(WIDE, Math.max(0, WIDE * (new Date(moment) - from) / whole)) || 0;
  const first = Math.min(at(cause.first_seen), WIDE - 2), width = Math.max(2, at(cause.last_seen) - first);
  return drawing("When it failed within the window", svg("rect", {class: marked(cause), x: first, y: HIGH - 5, width, height: 4}));
}

export function briefCard(answer, cause) {
  const told = flat([cause.unresolved > 0 && bad(some(cause.unresolved, "record"), " still wrong"), cause.last_seen && el("span", {}, "last ", time(cause.last_seen))]);
  return card(answer, cause, {side: el("b", {}, count(cause.count)), below: told.length > 0 && facts(told)});
}
