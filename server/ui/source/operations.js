// Single operations: those of a cause or of a row, in the window and with the filters of the answer; one with its attempts.

import {broken, button, copy, dim, el, flat, icon, id, opening, pairs, said, tell, time} from "./elements.js";
import {story} from "./story.js";
import {call, host, look} from "./wire.js";
import {SECOND, kind, lasting, list, object, plain, some, text, word} from "./words.js";

const FIRST = 5, MORE = 20;
const STATES = {success: ["good", "✓", "succeeded"], failed: ["bad", "✕", "failed"], pending: ["warn", "…", "pending"]};
const IDS = {id: "operation id", source_id: "source id", resource_id: "resource id"};

export const signOf = status => STATES[status] ?? ["", "?", text(status, 40)];
export function state(status) {
  const [look, sign, name] = signOf(status);
  return el("span", {class: look}, icon(sign), name);
}

// What was read for a place on the board, so that drawing it anew asks nothing again.
const kept = new Map();
export const forget = () => kept.clear();

export function operations(key, given) {
  if (!host.ready) return null;
  if (!host.capabilities.serverTools) return dim("Ask in the chat for its operations", given.group && [" (", el("span", {class: "id"}, text(given.group, 40)), ")"], ".");
  const asked = JSON.stringify(given);
  if (kept.get(key)?.asked !== asked) kept.set(key, {asked, box: read(key, given)});
  return kept.get(key).box;
}

function read(key, given) {
  const rows = [], shown = el("ol", {class: "ops"}), foot = el("div", {class: "row acts"});
  const box = el("div", {}, el("h2", {}, "Operations"), shown, foot);
  const next = async (args, done = () => {}) => {
    foot.replaceChildren(dim("Reading …"));
    box.setAttribute("aria-busy", "true");
    try {
      const page = object((await call("list_resource_operations", args)).structuredContent), found = list(page.operations);
      rows.push(...found);
      shown.append(...found.map(row => operation(key, row)));
      foot.replaceChildren(...feet(rows, page, () => next({cursor: page.next_cursor, size: MORE})));
      tell(`${some(rows.length, "operation")} shown`);
    } catch (error) {
      foot.replaceChildren(broken(error), button("Try again", () => next(args)));
    }
    box.setAttribute("aria-busy", "false");
  };
  next({...given, size: FIRST});
  return box;
}

function feet(rows, page, more) {
  const copies = Object.entries(IDS).map(([name, noun]) => {
    const ids = [...new Set(rows.map(row => text(row[name], 200)).filter(Boolean))];
    return ids.length > 0 && copy(`Copy ${some(ids.length, noun)}`, ids.join("\n"));
  });
  const none = !rows.length && dim(page.next_cursor ? "None so far." : "No operation was found.");
  return flat([none, page.next_cursor && button("More operations", more), copies, page.note && dim(text(page.note))]);
}

function operation(key, row) {
  const name = text(row.id, 40), error = object(row.error);
  const open = button("Attempts", null, {class: "link", "aria-label": `Attempts of operation ${name}`});
  const panel = opening(`${key}-${name}`, open, () => attempts(row));
  const other = field => row[field] && [` · ${plain(field)} `, el("span", {class: "id"}, text(row[field], 80))];
  return el("li", {},
    el("div", {class: "row"}, time(row.created_at, SECOND), el("b", {}, plain(row.operation_type), " ", plain(row.resource)), state(row.status), row.fleet_ref && el("span", {}, text(row.fleet_ref, 80))),
    el("div", {class: "dim"}, open, " · operation ", id(row.id), other("source_id"), other("resource_id")),
    error.message && el("div", {class: "dim"}, said(error.message)),
    panel,
  );
}

// Fills a box with what a tool answers.
function filled(tool, given, draw) {
  const box = el("div", {}, dim("Reading …"));
  call(tool, given).then(
    result => box.replaceChildren(...flat(draw(object(result.structuredContent)))),
    error => box.replaceChildren(broken(error)),
  );
  return box;
}

function attempts(row) {
  look(`The person looks at operation ${word(row.id)} on the failure board.`);
  return filled("get_resource_operation", {operation_id: row.id, connection_id: row.connection_id}, told => {
    const op = object(told.operation), fields = Object.keys(object(op.payload)).map(name => text(name, 60));
    return [
      el("ol", {class: "attempts"}, list(told.attempts).map(attempt)),
      pairs([["Connection", id(op.connection_id)], ["Payload fields", fields.join(", ")]]),
      storyButton(op),
    ];
  });
}

function attempt(one, i) {
  const headers = Object.entries(object(one.headers)).map(([name, value]) => el("div", {class: "id"}, text(name, 60), ": ", text(value, 160)));
  return el("li", {}, `${i + 1}. `, time(one.created_at, SECOND), ` (+${lasting(one.after_s)}) `, state(one.status), ` ${kind(one)} `, one.message && said(one.message), headers);
}

function storyButton(op) {
  const record = op.source_id ? {source_id: op.source_id} : op.resource_id && {resource_id: op.resource_id};
  if (!record) return null;
  const open = button("Story of this record", null), given = {resource: op.resource, connection_id: op.connection_id, ...record};
  const panel = opening(`story-${text(op.id, 40)}`, open, () => filled("trace_record", given, answer => story(answer, "h3")));
  return [el("div", {class: "row acts"}, open), panel];
}
