// Two dimensions as a table whose cells are shaded: a number in each, so that colour tells nothing alone.

import {largest} from "./answer.js";
import {dayOf, hourOf, meant, nameOf} from "./breakdown.js";
import {button, dim, el} from "./elements.js";
import {operations} from "./operations.js";
import {clock, count, plain} from "./words.js";

const MOST_COLUMNS = 31, MANY = 12;
const ARROWS = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0]};
const inTime = name => name === "hour" || name === "day";

// `cells`: [{row, parts}], a part for each of the two dimensions. Null where there are too many columns to be read.
export function heat(answer, by, cells) {
  const axes = by.map((name, i) => axisOf(name, cells.map(cell => cell.parts[i])));
  const turned = axes[1].length > axes[0].length;  // the longer one goes down, since a phone is narrow
  const [down, across] = turned ? [1, 0] : [0, 1];
  if (!cells.length || axes[across].length > MOST_COLUMNS) return null;
  const place = parts => valueOf(by[down], parts[down]) + "\n" + valueOf(by[across], parts[across]);
  const grid = {
    by: [by[down], by[across]], rows: axes[down], columns: axes[across], top: largest(cells, ({row}) => row.failed) || 1,
    at: new Map(cells.map(cell => [place(cell.parts), cell])), box: el("div", {class: "panel", "aria-live": "polite"}),
    means: cell => meant(answer, by, cell.parts),
  };
  return el("div", {}, el("div", {class: "box"}, tableOf(grid)), grid.box);
}

const valueOf = (name, part) => name === "hour" ? hourOf(part) ?? String(part) : name === "day" ? dayOf(part) ?? String(part) : String(part ?? "");

function axisOf(name, parts) {
  const values = [...new Set(parts.map(part => valueOf(name, part)))];
  return inTime(name) ? values.sort((a, b) => a < b ? -1 : 1) : values;
}

function short(name, value) {
  if (name === "day" && dayOf(value)) return clock(value, {day: "numeric", month: "short"});
  return name === "hour" ? String(value).padStart(2, "0") : nameOf(name, value);
}

function tableOf(grid) {
  const {by: [down, across], rows, columns} = grid, look = ["heat", columns.length > MANY && "many", !inTime(down) && "named"].filter(Boolean).join(" ");
  const corner = down === "hour" ? "UTC" : plain(down), head = columns.map(value => el("th", {scope: "col"}, short(across, value)));
  const table = el("table", {class: look, onkeydown: event => moved(event, table, grid)},
    el("caption", {class: "sr"}, `Failed operations by ${plain(down)} and ${plain(across)}, in UTC`),
    el("thead", {}, el("tr", {}, el("th", {scope: "col"}, corner), head)),
    el("tbody", {}, rows.map((value, r) => el("tr", {}, el("th", {scope: "row"}, short(down, value)), columns.map((other, c) => cellOf(grid, r, c))))),
  );
  table.querySelector("button")?.setAttribute("tabindex", 0);
  return table;
}

function cellOf(grid, r, c) {
  const {by: [down, across], rows, columns, top, at, box, means} = grid, cell = at.get(rows[r] + "\n" + columns[c]);
  if (!cell) return el("td", {}, el("span", {class: "sr"}, "nothing read"));
  const {failed, operations: all} = cell.row, shade = 8 + Math.round(42 * Math.sqrt(failed / top));
  const label = `${nameOf(across, columns[c])}, ${nameOf(down, rows[r])}: ${count(failed)} of ${count(all)} failed`;
  const pick = () => {
    const given = failed > 0 && means(cell);
    box.replaceChildren(el("h2", {}, label), given ? operations(`cell-${rows[r]}-${columns[c]}`, given) : dim(failed > 0 ? "" : "No failures."));
  };
  return el("td", {}, button(failed > 0 && count(failed), pick, {"aria-label": label, tabindex: -1, "data-key": `heat-${r}-${c}`, "--heat": failed > 0 && `color-mix(in oklab, var(--bad) ${shade}%, var(--bg))`}));
}

// One stop for Tab; the arrows go on from there.
function moved(event, table, {rows, columns}) {
  const step = ARROWS[event.key], now = event.target.closest("button");
  if (!step || !now) return;
  event.preventDefault();
  let [r, c] = now.dataset.key.split("-").slice(1).map(Number), next = null;
  while (!next && r >= 0 && c >= 0 && r < rows.length && c < columns.length) {
    r += step[0];
    c += step[1];
    next = table.querySelector(`[data-key="heat-${r}-${c}"]`);
  }
  if (!next) return;
  now.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
