// Operations and failures over time, each on a scale of its own: failures are few, and their shape is what counts.

import {largest} from "./answer.js";
import {el, svg} from "./elements.js";
import {CLOCK, clock, count, list, number, object, text} from "./words.js";

const FAILED_HIGH = 58, FAILED_FOOT = 60, ALL_HIGH = 22, FOOT = 88;
const STEPS = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, Home: -1000, End: 1000};

export function chart(timeline) {
  const buckets = list(object(timeline).buckets), unit = text(object(timeline).bucket, 8), n = buckets.length;
  if (!n || buckets.some(one => isNaN(new Date(one?.start)))) return null;
  const failed = largest(buckets, one => one.failed), all = largest(buckets, one => one.operations), read = el("span", {class: "read", "aria-hidden": "true"});
  return el("figure", {},
    el("figcaption", {class: "dim"}, el("span", {class: "key failed"}, `failed, at most ${count(failed)} in ${unit}`), el("span", {class: "key"}, `operations, at most ${count(all)}`), read),
    picture(buckets, unit, {failed, all}, read),
    el("div", {class: "axis dim"}, el("span", {}, clock(buckets[0].start)), n > 4 && el("span", {}, clock(buckets[n >> 1].start)), el("span", {}, `${clock(endOf(buckets, n - 1))} UTC`)),
  );
}

function endOf(buckets, i) {
  if (i + 1 < buckets.length) return buckets[i + 1].start;
  const length = buckets.length > 1 ? new Date(buckets[1].start) - new Date(buckets[0].start) : 0;
  return +new Date(buckets[i].start) + length;
}

// The bars are read like a slider: by pointer, by arrow keys, and aloud.
function picture(buckets, unit, top, read) {
  const n = buckets.length, at = svg("rect", {class: "at", width: 1, height: FOOT, visibility: "hidden"});
  const told = i => `${clock(buckets[i].start)} to ${clock(endOf(buckets, i), CLOCK)} UTC: ${count(buckets[i].failed)} of ${count(buckets[i].operations)} failed`;
  const now = () => +drawn.getAttribute("aria-valuenow");
  const show = i => {
    const bucket = Math.min(n - 1, Math.max(0, i));
    at.setAttribute("x", bucket);
    at.setAttribute("visibility", "visible");
    drawn.setAttribute("aria-valuenow", bucket);
    drawn.setAttribute("aria-valuetext", read.textContent = told(bucket));
  };
  const hide = () => {
    at.setAttribute("visibility", "hidden");
    read.textContent = "";
  };
  const keyed = event => {
    if (!STEPS[event.key]) return;
    event.preventDefault();
    show(now() + STEPS[event.key]);
  };
  const drawn = svg("svg", {
    viewBox: `0 0 ${n} ${FOOT}`, preserveAspectRatio: "none", role: "slider", tabindex: 0, "data-key": "chart",
    "aria-label": `Failures over time, in stretches of ${unit}`, "aria-valuemin": 0, "aria-valuemax": n - 1, "aria-valuenow": n - 1, "aria-valuetext": told(n - 1),
    onpointermove: event => show(Math.floor(event.offsetX / drawn.clientWidth * n)), onpointerleave: hide, onblur: hide, onfocus: () => show(now()), onkeydown: keyed,
  }, buckets.map((one, i) => [
    column("failed", i, FAILED_FOOT, FAILED_HIGH * number(one.failed) / (top.failed || 1)),
    column("", i, FOOT, ALL_HIGH * number(one.operations) / (top.all || 1)),
  ]), at);
  return drawn;
}

const column = (look, i, foot, high) => high > 0 && svg("rect", {class: look, x: i + .06, width: .88, y: foot - Math.max(1.5, high), height: Math.max(1.5, high)});
