// Elements, with text of others as text nodes only: there is no way here to make markup from a string.

import {clock, local, text} from "./words.js";

function made(node, props, kids) {
  for (const [name, value] of Object.entries(props ?? {}))
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === false || value == null) continue;
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  node.append(...flat(kids));
  return node;
}
export const flat = kids => [kids].flat(9).filter(kid => kid != null && kid !== false && kid !== "");
export const el = (tag, props, ...kids) => made(document.createElement(tag), props, kids);
export const svg = (tag, props, ...kids) => made(document.createElementNS("http://www.w3.org/2000/svg", tag), props, kids);

export const dim = (...kids) => el("p", {class: "dim"}, kids);
export const said = (value, most) => el("span", {class: "said"}, text(value, most));
export const tag = (...kids) => flat(kids).length > 0 && el("span", {class: "tag"}, kids);
export const icon = sign => sign && el("span", {"aria-hidden": "true"}, sign + " ");
export const bad = (...kids) => el("b", {class: "bad"}, kids);
export const button = (label, onclick, props) => el("button", {type: "button", onclick, ...props}, label);
export const broken = error => el("p", {class: "error", role: "alert"}, text(error.message, 1500));
export const facts = (...parts) => {
  const told = flat(parts).map(part => part instanceof Node ? part : el("span", {}, part));
  return el("div", {class: "facts"}, told);
};
export const pairs = entries =>
  el("dl", {class: "pairs"}, entries.filter(([, value]) => flat(value).length).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));

// A list under a heading that is heard and not seen: what is seen speaks for itself.
export const listed = (name, items) => items.length > 0 && [el("h2", {class: "sr"}, name), el("ul", {class: "list acts", "aria-label": name}, items)];

// A time in UTC; the reader's own time shows where a pointer rests.
export const time = (moment, form, zone = " UTC") =>
  isNaN(new Date(moment)) ? text(moment, 40) : el("time", {datetime: moment, title: local(moment)}, clock(moment, form) + zone);

export const tell = what => document.getElementById("told").textContent = what;

// Parts of a whole, side by side: [[class, number], ...].
export function bar(parts, whole, label) {
  let x = 0;
  const drawn = parts.map(([look, n]) => {
    const width = whole > 0 && n > 0 ? Math.max(100 * n / whole, .6) : 0;
    x += width;
    return width && svg("rect", {class: look, x: x - width, width, height: 8});
  });
  const spoken = label ? {role: "img", "aria-label": label} : {"aria-hidden": "true"};
  return svg("svg", {class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", ...spoken}, svg("rect", {class: "ground", width: 100, height: 8}), drawn);
}

async function copied(what, by) {
  try {
    await navigator.clipboard.writeText(what);
  } catch {
    if (!copiedByHand(what, by)) return tell("This host does not let the board copy. Select the text instead.");
  }
  tell("Copied");
  const shown = by.textContent, spoken = by.getAttribute("aria-label");
  const named = (text, label) => {
    by.textContent = text;
    by.toggleAttribute("aria-label", Boolean(label));
    if (label) by.setAttribute("aria-label", label);
  };
  named("Copied");
  setTimeout(() => named(shown, spoken), 1500);
}

// Hosts that keep the clipboard from a frame still let a person copy what is selected.
function copiedByHand(what, by) {
  const field = el("textarea", {class: "sr", "aria-hidden": "true"});
  field.value = what;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  by.focus();
  return done;
}

export const copy = (label, what, props) =>
  button(label, event => copied(what, event.currentTarget), {class: "link", ...props});
export const id = value => {
  const shown = text(value, 80);
  return shown && [el("span", {class: "id"}, shown), " ", copy("copy", shown, {"aria-label": `Copy ${shown}`})];
};

// A part that `trigger` opens and shuts. What was opened stays open when new data comes; `key` is unique on the board.
const opened = new Set();
export const shutAll = () => opened.clear();
export function opening(key, trigger, fill) {
  const panel = el("div", {class: "panel", id: `panel-${key}`, hidden: true});
  const set = open => {
    trigger.setAttribute("aria-expanded", open);
    panel.hidden = !open;
    opened[open ? "add" : "delete"](key);
    if (open && !panel.hasChildNodes()) panel.append(...flat(fill()));
  };
  trigger.dataset.key = key;
  trigger.setAttribute("aria-controls", panel.id);
  trigger.addEventListener("click", () => set(panel.hidden));
  set(opened.has(key));
  return panel;
}
