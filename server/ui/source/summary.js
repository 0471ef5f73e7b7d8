// The failures of a window by cause.

import {asked, covered, headline, same} from "./answer.js";
import {again, draw} from "./boards.js";
import {briefCard, causeCard} from "./cause.js";
import {chart} from "./chart.js";
import {button, dim, el, facts, flat, icon, listed, opening, time} from "./elements.js";
import {operations} from "./operations.js";
import {host, look} from "./wire.js";
import {count, list, object, owner, some, text, word} from "./words.js";

export function summary(board) {
  const {answer} = board, groups = list(answer.groups), briefs = briefsOf(answer), partial = object(answer.coverage).complete === false;
  const causes = groups.length + list(answer.more).length + (object(answer.other).groups || 0), left = causes - groups.length - briefs.length;
  return [
    headline(object(answer.totals), partial ? " in the part that was read" : ""),
    asked(answer),
    covered(answer),
    list(answer.notice).map(notice),
    tiles(answer, {groups, causes, left, shown: groups.length + briefs.length}),
    chart(answer.timeline),
    choices(board, groups),
    shown(board, groups, briefs),
    left > 0 && rest(board, left, causes),
    object(answer.pending).count > 0 && pending(answer),
  ];
}

// Causes that are told in short: what `more` tells, and the largest of what is left out.
function briefsOf(answer) {
  const full = list(answer.groups), told = new Map();
  for (const cause of [...list(object(answer.other).largest), ...list(answer.more)])
    if (cause?.id && !full.some(group => group.id === cause.id)) told.set(cause.id, {...told.get(cause.id), ...cause});
  return [...told.values()];
}

function notice(line) {
  const parts = typeof line === "string" ? [line] : Object.values(object(line)).filter(part => typeof part === "string");
  return parts.length > 0 && el("p", {}, icon("▸"), parts.map(part => text(part, 300)).join(" "));
}

const tile = (name, value, below) => el("div", {class: "tile"}, el("dt", {}, name), el("dd", {}, value), below && el("dd", {}, below));

function tiles(answer, {groups, causes, left, shown}) {
  const totals = object(answer.totals), waits = object(answer.pending), told = object(totals.records).unresolved;
  const wrong = told ?? groups.reduce((sum, cause) => sum + (object(cause.outcome).unresolved || 0), 0);
  const ofSome = told == null && causes > groups.length && `in the ${some(groups.length, "largest cause")}`;
  return el("dl", {class: "tiles"},
    tile("Causes", count(causes), left > 0 && `${count(shown)} of them here`),
    tile("Records still wrong", el("span", {class: wrong && "bad"}, count(wrong)), ofSome),
    tile("Pending", el("span", {class: waits.over_1h && "warn"}, count(waits.count ?? totals.pending)), waits.count > 0 && `${count(waits.over_1h)} for over 1 h`),
    tile("OK after a retry", count(totals.retried_successes)),
  );
}

function shown(board, groups, briefs) {
  const {answer, owner: chosen} = board, fitting = groups.filter(cause => !chosen || cause.owner === chosen);
  const hidden = groups.length - fitting.length;
  return [
    listed("Causes", fitting.map(cause => causeCard(answer, board.timelines, cause))),
    hidden > 0 && dim(`${some(hidden, "cause")} of other owners not shown.`),
    briefs.length > 0 && [el("h2", {}, chosen ? "More causes, of any owner" : "More causes"), el("ul", {class: "list brief"}, briefs.map(cause => briefCard(answer, cause)))],
  ];
}

function rest(board, left, causes) {
  const all = () => {
    board.all = true;
    again(board);
  };
  const more = host.capabilities.serverTools && !board.all && button(`Show more of the ${some(causes, "cause")}`, all);
  return el("div", {class: "row acts"}, dim(`${some(left, "smaller cause")} not shown.`, board.all && " A TSP or fleet chosen above shows its own."), more);
}

function pending(answer) {
  const waits = object(answer.pending), most = object(waits.mostly), label = `${some(waits.count, "operation")} not ended yet`;
  const open = host.ready && button(label, null, {class: "open"}), panel = open && opening("pending", open, () => operations("pending", {...same(answer), status: "pending"}));
  const place = [most.source_name, most.fleet_ref].filter(Boolean).map(part => text(part, 64)).join(", ");
  return [
    el("h2", {}, "Pending"),
    el("ul", {class: "list"}, el("li", {},
      el("div", {class: "card", "--edge": waits.over_1h > 0 ? "var(--warn)" : "var(--mark)"},
        el("h3", {}, open || label),
        el("div", {class: "side"}, el("b", {}, count(waits.count))),
        facts(
          `${count(waits.over_1h)} for over 1 h`,
          waits.oldest_created_at && el("span", {}, "oldest of ", time(waits.oldest_created_at)),
          waits.still_trying > 0 && `${count(waits.still_trying)} still trying after failed attempts`,
          most.count > 0 && `${count(most.count)} of the old ones on ${place}`,
        )),
      panel,
    )),
  ];
}

// Owners are known of every cause shown. A cause names only its largest fleets, so fleets and TSPs are asked for anew.
export function choices(board, groups) {
  const {first} = board, causes = [...groups, ...list(first.groups), ...list(first.more), ...list(object(first.other).largest)], filters = object(first.filters);
  const values = of => [...new Set(causes.flatMap(of).filter(Boolean))].sort();
  const anew = name => value => {
    board[name] = value;
    again(board);
  };
  const owned = value => {
    board.owner = value;
    look(value ? `The person looks at causes whose owner is ${word(value)}, on the failure board.` : "The person looks at the whole failure board.");
    draw();
  };
  const asks = host.capabilities.serverTools, found = flat([
    choice("Owner", values(cause => cause.owner), board.owner, owned, owner),
    asks && !filters.source_name && choice("TSP", values(cause => cause.source_name), board.tsp, anew("tsp")),
    asks && !filters.fleet_refs && choice("Fleet", values(cause => list(cause.top_fleets)), board.fleet, anew("fleet")),
  ]);
  return found.length > 0 && el("div", {class: "row filters acts", role: "group", "aria-label": "Filters"}, found);
}

function choice(name, values, now, change, named = value => text(value, 60)) {
  if (values.length < 2 && !now) return null;
  const options = values.map(value => el("option", {value, selected: value === now}, named(value)));
  return el("label", {class: "dim"}, name, " ", el("select", {"aria-label": name, "data-key": `choice-${name}`, onchange: event => change(event.target.value)}, el("option", {value: ""}, "all"), options));
}
