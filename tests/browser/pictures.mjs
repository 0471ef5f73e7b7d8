// Takes the pictures of docs/images: `node tests/browser/pictures.mjs [name ...]`.

import {fileURLToPath} from "node:url";

import * as answers from "./answers.mjs";
import {browser, chat, pictured, shown} from "./harness.mjs";

const tool = "summarize_failures", dark = {theme: "dark"};
const PICTURES = {
  board: {tool},
  "board-dark": {tool, context: dark, opens: true},
  "board-narrow": {tool, width: 320},
  "board-partly-read": {tool, result: answers.partly(), width: 480},
  "two-windows": {tool: "compare_failures"},
  "hour-by-day": {tool, result: answers.hourByDay()},
  "by-fleet": {tool, result: answers.byFleet(), context: dark},
  record: {tool: "trace_record", result: answers.record(), args: {resource: "vehicle", source_id: "17"}},
};

const wanted = process.argv.slice(2), [talk, chromium] = await Promise.all([chat(), browser()]);
for (const [name, {opens, ...scenario}] of Object.entries(PICTURES)) {
  if (wanted.length && !wanted.includes(name)) continue;
  const view = await shown(chromium, talk, scenario);
  if (opens) {
    await view.board.locator(".open").first().click();
    await view.board.locator(".ops > li").first().waitFor();
    await view.board.getByRole("button", {name: /^Attempts of/}).first().click();
    await view.board.locator(".attempts").first().waitFor();
    await view.tab.mouse.move(0, 0);
  }
  await pictured(view, fileURLToPath(new URL(`../../docs/images/${name}.png`, import.meta.url)));
  await view.close();
}
await chromium.close();
await talk.stop();
