// What is on the page: one answer as a rule, several in a report. The shape of an answer tells its view, so that new
// tools and fields break nothing.

import {same} from "./answer.js";
import {breakdown} from "./breakdown.js";
import {comparison} from "./comparison.js";
import {broken, el, flat, shutAll, tell} from "./elements.js";
import {forget} from "./operations.js";
import {story} from "./story.js";
import {summary} from "./summary.js";
import {call, look, wordsOf} from "./wire.js";
import {object, within, word} from "./words.js";

const TOOLS = new Map([[summary, "summarize_failures"], [comparison, "compare_failures"]]);
const OWN = ["max_groups", "max_operations", "group"];  // arguments besides window and filters that a question keeps
const ALL = 50;
const main = document.getElementById("board");
let boards = [];

const told = board => story(board.answer);
function viewOf(answer) {
  if (answer.by && answer.rows) return breakdown;
  if (answer.story) return told;
  if (answer.baseline) return comparison;
  return answer.totals && answer.groups ? summary : null;
}

function take(board, result) {
  const answer = object(result?.structuredContent), timelines = object(result?._meta)["catena-ops/timelines"];
  return Object.assign(board, {result: object(result), answer, view: viewOf(answer), timelines});
}

function opened({result, asks}) {
  const board = take({root: el("section"), asks: Object.fromEntries(OWN.filter(name => object(asks)[name] != null).map(name => [name, asks[name]]))}, result);
  return Object.assign(board, {first: board.answer});
}

export function show(...results) {
  shutAll();
  forget();
  boards = results.map(opened);
  main.replaceChildren(...boards.map(board => board.root));
  draw();
}

// A later answer to the same question keeps what the person chose and opened.
export function renew(result, asks) {
  const [board] = boards, next = viewOf(object(result.structuredContent));
  if (!board?.view || board.view !== next) return show({result, asks});
  board.first = take(board, result).answer;
  if (board.tsp || board.fleet || board.all) again(board);
  else draw();
}

export function notice(...kids) {
  boards = [];
  main.replaceChildren(...flat(kids));
  main.setAttribute("aria-busy", "false");
}

export function draw() {
  if (!boards.length) return;
  const key = document.activeElement?.dataset?.key;
  for (const board of boards) board.root.replaceChildren(...flat(drawn(board)));
  main.setAttribute("aria-busy", "false");
  if (key) document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({preventScroll: true});
}

function drawn(board) {
  const {result, view, failed} = board, words = wordsOf(result);
  if (result.isError) return el("p", {class: "error plain", role: "alert"}, words.slice(0, 4000) || "The tool failed without a word.");
  if (!view) return el("p", {class: "plain"}, words.slice(0, 60_000) || "The answer is empty.");
  return [failed && broken(failed), view(board)];
}

// Asks the question of a board again, with the choices made on it.
export async function again(board) {
  const {tsp, fleet, all, first} = board, baseline = object(first.baseline);
  const chosen = {...(tsp && {source_name: tsp}), ...(fleet && {fleet_refs: [fleet]}), ...(all && {max_groups: ALL})};
  const windows = baseline.from_datetime && {baseline_from: baseline.from_datetime, baseline_to: baseline.to_datetime};
  const turn = board.turn = (board.turn ?? 0) + 1;
  board.root.classList.add("stale");
  tell("Reading …");
  try {
    const result = await call(TOOLS.get(board.view), {...same(first), ...windows, ...board.asks, ...chosen});
    if (turn !== board.turn) return;  // another choice was made meanwhile
    take(board, result).failed = null;
    tell("Updated");
    look(`The person has the failure board filtered by TSP ${word(tsp || "any")} and fleet ${word(fleet || "any")}; ${within(board.answer)}.`);
  } catch (error) {
    board.failed = error;
  }
  board.root.classList.remove("stale");
  draw();
}
