// The board in a chat, in a real browser: what a person sees, presses and hears, against the real server.

import assert from "node:assert/strict";
import {after, before, describe, test} from "node:test";

import * as answers from "./answers.mjs";
import {axe, browser, chat, shown} from "./harness.mjs";

const ANY = "summarize_failures";
const checks = [];
let chromium, talk;

before(async () => {
  [talk, chromium] = await Promise.all([chat(), browser()]);
});
after(async () => {
  await chromium?.close();
  await talk?.stop();
});

// Shows a board, and afterwards holds it to what every board must keep, whatever was done on it.
function board(name, scenario, check) {
  checks.push([name, async () => {
    const view = await shown(chromium, talk, {tool: ANY, ...scenario});
    try {
      await check(view, view.board);
      assert.deepEqual(view.problems, [], "no error, and no breach of the policy");
      const strangers = view.requests.filter(url => ![talk.address, talk.sandbox, "data:", "about:"].some(known => url.startsWith(known)));
      assert.deepEqual(strangers, [], "no request leaves");
      assert.deepEqual(await axe(view.board), [], "axe finds nothing, be it only moderate");
      assert.ok(await view.board.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing scrolls sideways");
    } finally {
      await view.close();
    }
  }]);
}

const causes = frame => frame.getByRole("list", {name: "Causes"}).locator(":scope > li");
const first = frame => causes(frame).first().getByRole("button", {expanded: false}).first();
const until = (view, found) => view.tab.waitForFunction(found);
const lastCall = async (view, name) => (await view.heard()).calls.filter(call => call.name === name).at(-1)?.arguments;
async function copied(view, part) {
  for (let tries = 0; tries < 100; tries++) {
    const text = await view.tab.evaluate(() => navigator.clipboard.readText());
    if (text.includes(part)) return text;
    await view.board.evaluate(() => new Promise(requestAnimationFrame));
  }
  throw Error(`nothing was copied; the board says: ${await view.board.locator("#told").textContent()}`);
}
const structured = view => view.tab.evaluate(() => globalThis.answer.structuredContent);

board("a summary is drawn in the era of 2026-07-28", {}, async (view, frame) => {
  const {totals, groups} = await structured(view), {protocol, resource, extensions} = await view.heard();
  assert.equal(protocol, "2026-07-28");
  assert.deepEqual(resource.ui, {permissions: {clipboardWrite: {}}, prefersBorder: true});
  assert.ok(extensions["io.modelcontextprotocol/ui"]);
  await frame.getByRole("heading", {level: 1, name: `${totals.failed} of ${totals.operations.toLocaleString("en-US")} operations failed`}).waitFor();
  assert.equal(await causes(frame).count(), groups.length);
  assert.match(await frame.locator("body").innerText(), /Read whole: [\d,]+ operations/);
});

board("a summary is drawn in the era before, where the extension is told too", {era: "legacy", context: {theme: "dark"}}, async (view, frame) => {
  const {protocol, extensions} = await view.heard();
  assert.equal(protocol, "2025-11-25");
  assert.ok(extensions["io.modelcontextprotocol/ui"]);
  assert.ok(await causes(frame).count() > 1);
});

board("a cause opens to its operations, in the same window and with the same filters", {args: {source_name: "samsara", from_datetime: "-12h"}}, async (view, frame) => {
  const {window, groups} = await structured(view);
  await first(frame).click();
  await frame.locator(".ops > li").first().waitFor();
  assert.deepEqual(await lastCall(view, "list_resource_operations"), {source_name: "samsara", from_datetime: window.from_datetime, to_datetime: window.to_datetime, group: groups[0].id, status: "failed", size: 5});
  assert.equal(await frame.locator(".ops > li").count(), Math.min(5, groups[0].count));
  assert.ok((await frame.locator(".panel").first().innerText()).includes(groups[0].advice.split(". ")[0]));
  const told = (await view.heard()).contexts.at(-1).content[0].text;
  assert.ok(told.includes(groups[0].id) && told.includes(window.from_datetime), told);
  await causes(frame).first().getByRole("button", {expanded: true}).first().click();
  assert.ok(await frame.locator(".ops").first().isHidden());
});

board("more operations follow where the list goes on", {}, async (view, frame) => {
  await first(frame).click();
  await frame.getByRole("button", {name: "More operations"}).click();
  await frame.locator(".ops > li").nth(5).waitFor();
  const {cursor, ...rest} = await lastCall(view, "list_resource_operations");
  assert.ok(cursor);
  assert.deepEqual(rest, {size: 20});
  const ids = await frame.locator(".ops > li .id:first-of-type").allInnerTexts();
  assert.equal(new Set(ids).size, ids.length, "none twice");
});

board("an operation opens to its attempts, and they to the story of its record", {}, async (view, frame) => {
  await first(frame).click();
  const attempts = frame.getByRole("button", {name: /^Attempts of operation/});
  await attempts.first().waitFor();
  const stories = frame.getByRole("button", {name: "Story of this record"});
  for (let i = 0; i < await attempts.count() && !await stories.count(); i++) {
    await attempts.nth(i).click();
    await frame.locator(".attempts").nth(i).waitFor();
  }
  const {operation_id: asked, connection_id: connection} = await lastCall(view, "get_resource_operation");
  assert.match(asked, /^[0-9a-f-]{36}$/);
  assert.match(connection, /^[0-9a-f-]{36}$/);
  assert.match(await frame.locator(".attempts > li").first().innerText(), /^1\. .* UTC \(\+.*\).*(failed|succeeded|pending)/);
  assert.ok((await view.heard()).contexts.at(-1).content[0].text.includes(asked));
  await stories.first().click();
  await frame.locator(".story > li").first().waitFor();
  const {resource, connection_id: same} = await lastCall(view, "trace_record");
  assert.ok(resource);
  assert.equal(same, connection);
});

board("ids are copied", {}, async (view, frame) => {
  await first(frame).click();
  await frame.getByRole("button", {name: /^Copy 5 operation ids/}).click();
  assert.match(await copied(view, "\n"), /^([0-9a-f-]{36}\n){4}[0-9a-f-]{36}$/);
  const {groups: [cause]} = await structured(view);
  await frame.getByRole("button", {name: `Copy ${cause.id}`}).click();
  assert.equal(await copied(view, "g_"), cause.id);
});

board("questions and drafts go to the chat as the person's words, without a word of a TSP", {}, async (view, frame) => {
  const {groups: [cause], window} = await structured(view);
  await first(frame).click();
  await frame.getByRole("button", {name: "Ask the assistant about this"}).click();
  await frame.getByRole("button", {name: "Draft the message to the TSP"}).click();
  await until(view, () => globalThis.heard.messages.length === 2);
  const said = (await view.heard()).messages;
  for (const {role, content} of said) {
    assert.equal(role, "user");
    assert.ok(content[0].text.includes(cause.id) && content[0].text.includes(window.to_datetime));
    assert.ok(!content[0].text.includes(cause.title));
  }
  assert.match(said[1].content[0].text, new RegExp(`^Draft the message to the support of the TSP ${cause.source_name}`));
});

board("an owner is chosen among the causes shown", {result: answers.summary(10)}, async (view, frame) => {
  const all = await causes(frame).count();
  await frame.getByLabel("Owner", {exact: true}).focus();
  await frame.getByLabel("Owner", {exact: true}).selectOption("fleet");
  assert.equal(await causes(frame).count(), 2);
  await frame.getByText(`${all - 2} causes of other owners not shown.`).waitFor();
  for (const text of await causes(frame).allInnerTexts()) assert.match(text, /Fleet acts/);
  assert.match((await view.heard()).contexts.at(-1).content[0].text, /owner is fleet/);
  assert.equal(await frame.evaluate(() => document.activeElement.dataset.key), "choice-Owner", "focus stays where it was");
});

board("a TSP and a fleet are asked for anew, in the same window", {}, async (view, frame) => {
  const {window} = await structured(view);
  await frame.getByLabel("TSP", {exact: true}).selectOption("motive");
  await frame.locator("#board section:not(.stale)").getByText(/source name motive/).waitFor();
  assert.deepEqual(await lastCall(view, ANY), {from_datetime: window.from_datetime, to_datetime: window.to_datetime, source_name: "motive"});
  for (const text of await causes(frame).allInnerTexts()) assert.match(text, /^motive/);
  await frame.getByLabel("TSP", {exact: true}).selectOption("");
  await frame.locator("#board section:not(.stale)").getByText(/source name motive/).waitFor({state: "detached"});
  await frame.getByLabel("Fleet", {exact: true}).selectOption("prairie-line-logistics");
  await frame.locator("#board section:not(.stale)").getByText(/fleet refs prairie-line-logistics/).waitFor();
  assert.deepEqual((await lastCall(view, ANY)).fleet_refs, ["prairie-line-logistics"]);
});

board("what waits opens to its operations", {}, async (view, frame) => {
  await frame.getByRole("button", {name: /operations? not ended yet/}).click();
  await frame.locator(".ops > li").first().waitFor();
  assert.equal((await lastCall(view, "list_resource_operations")).status, "pending");
  assert.match(await frame.locator(".ops").innerText(), /pending/);
});

board("more causes are asked for where some are left out", {}, async (view, frame) => {
  await frame.getByRole("button", {name: /^Show more of the \d+ causes/}).click();
  await frame.getByText("Updated").waitFor({state: "attached"});
  assert.equal((await lastCall(view, ANY)).max_groups, 50);
});

board("what a summary tells beside its causes is drawn: what is worth noticing, causes in short, all records", {result: answers.toldInShort()}, async (view, frame) => {
  const text = await frame.locator("#board").innerText();
  for (const part of ["▸ samsara fails three times as often as before. 93 of 310, 31 of 312", "Records still wrong\n1,100", "Causes\n7", "7 records still wrong"]) assert.ok(text.includes(part), part);
  const brief = frame.getByRole("button", {name: /^geotab tsp 503/});
  await brief.click();
  await until(view, () => globalThis.heard.calls.length === 1);
  assert.equal((await lastCall(view, "list_resource_operations")).group, "g_0000000a");
});

board("of two windows, one that was read partly is said to be", {result: answers.halfCompared()}, async (view, frame) => {
  assert.match(await frame.locator("#board").innerText(), /Not read whole\./);
});

board("rows of causes are named by their titles, and open to their operations", {result: answers.byCause()}, async (view, frame) => {
  await frame.getByRole("button", {name: "Invalid token"}).click();
  await until(view, () => globalThis.heard.calls.length === 1);
  assert.equal((await lastCall(view, "list_resource_operations")).group, "g_abc00000");
});

board("everything is reached and read by keyboard", {result: answers.summary(3)}, async (view, frame) => {
  await frame.locator("body").focus();
  const chart = frame.getByRole("slider", {name: /^Failures over time/}), last = await chart.getAttribute("aria-valuetext");
  await chart.focus();
  await view.tab.keyboard.press("ArrowLeft");
  assert.notEqual(await chart.getAttribute("aria-valuetext"), last);
  assert.match(await chart.getAttribute("aria-valuetext"), /UTC: \d+ of [\d,]+ failed$/);
  for (let presses = 0; presses < 12 && !await frame.evaluate(() => document.activeElement.matches(".open")); presses++) await view.tab.keyboard.press("Tab");
  await view.tab.keyboard.press("Enter");
  assert.equal(await frame.evaluate(() => document.activeElement.getAttribute("aria-expanded")), "true");
  await view.tab.keyboard.press("Space");
  assert.equal(await frame.evaluate(() => document.activeElement.getAttribute("aria-expanded")), "false");
});

board("two windows are compared, and what is gone is looked for where it was", {tool: "compare_failures"}, async (view, frame) => {
  const {verdict, groups, baseline} = await structured(view), gone = groups.findIndex(group => group.change === "gone");
  assert.ok(verdict.startsWith(await frame.getByRole("heading", {level: 1}).innerText()));
  assert.equal(await causes(frame).count(), groups.length);
  await causes(frame).nth(gone).getByRole("button").first().click();
  await frame.locator(".ops > li").first().waitFor();
  const {from_datetime: from, to_datetime: to, group} = await lastCall(view, "list_resource_operations");
  assert.deepEqual({from, to, group}, {from: baseline.from_datetime, to: baseline.to_datetime, group: groups[gone].id});
  await frame.getByLabel("TSP", {exact: true}).selectOption("samsara");
  await frame.locator("#board section:not(.stale)").getByText(/source name samsara/).waitFor();
  assert.equal((await lastCall(view, "compare_failures")).baseline_from, baseline.from_datetime);
});

board("a record's story is drawn as a line of time", {tool: "trace_record", args: {resource: "vehicle", source_id: "17"}, result: answers.record()}, async (view, frame) => {
  assert.equal(await frame.getByRole("heading", {level: 1}).innerText(), "vehicle ✕ out of sync");
  assert.deepEqual(await frame.locator(".story > li").evaluateAll(all => all.map(one => one.querySelector(".dot").textContent)), ["✓", "✓", "✕"]);
  const text = await frame.locator("body").innerText();
  for (const part of ["3 writes, 1 failed", "24 h later", "5 min later", "validation 400 vin is not valid", "differs in vin", "Last write against the last success"]) assert.ok(text.includes(part), part);
});

board("failures by fleet are bars, and a bar opens to its operations", {result: answers.byFleet()}, async (view, frame) => {
  const rows = frame.getByRole("list", {name: "By fleet ref"}).locator(":scope > li");
  assert.equal(await rows.count(), 5);
  assert.match(await rows.first().innerText(), /prairie-line-logistics[\s\S]*900[\s\S]*of 4,000, 22.5 %[\s\S]*300 records still wrong/);
  const widths = await rows.evaluateAll(all => all.map(one => Number(one.querySelector(".bar .failed").getAttribute("width"))));
  assert.deepEqual(widths.map(Math.round), [100, 78, 56, 33, 11]);
  await rows.nth(1).getByRole("button").first().click();
  await until(view, () => globalThis.heard.calls.some(call => call.name === "list_resource_operations"));
  assert.deepEqual((await lastCall(view, "list_resource_operations")).fleet_refs, ["keystone-parcel"]);
});

board("hours by days are a table with a number in each cell, and a cell opens to its hour", {result: answers.hourByDay(), answers: {list_resource_operations: {content: [], structuredContent: {operations: []}}}}, async (view, frame) => {
  assert.equal(await frame.locator(".heat tbody tr").count(), 24);
  assert.equal(await frame.locator(".heat thead th").count(), 8);
  const cell = frame.getByRole("button", {name: "Fri, Nov 20, 06:00 UTC: 66 of 150 failed"});
  assert.equal(await cell.innerText(), "66");
  await cell.click();
  await frame.getByText("No operation was found.").waitFor();
  const {from_datetime: from, to_datetime: to} = await lastCall(view, "list_resource_operations");
  assert.deepEqual([from, to], ["2026-11-20T06:00:00.000Z", "2026-11-20T07:00:00.000Z"]);
  assert.equal(await frame.locator(".heat button[tabindex='0']").count(), 1, "one stop for Tab");
  await frame.locator(".heat button[tabindex='0']").focus();
  await view.tab.keyboard.press("ArrowDown");
  await view.tab.keyboard.press("ArrowRight");
  assert.equal(await frame.evaluate(() => document.activeElement.dataset.key), "heat-1-1");
});

board("a part of a window is never called the whole", {result: answers.partly()}, async (view, frame) => {
  const text = await frame.locator("body").innerText();
  assert.match(text, /operations failed in the part that was read/);
  assert.match(text, /Not read whole\. 9,000 operations read\. Every number covers Nov 20, 2026, 4:00 AM to Nov 23, 12:00 AM UTC\. The read ended early/);
  assert.ok(!text.includes("✓ Read whole"));
  await frame.getByRole("img", {name: "40.5 % of the window was read"}).waitFor();
});

board("a real read that ends early says so", {args: {max_operations: 1000}}, async (view, frame) => {
  const {coverage} = await structured(view);
  assert.equal(coverage.complete, false);
  assert.match(await frame.locator("body").innerText(), /Not read whole\./);
  await frame.getByLabel("TSP", {exact: true}).selectOption("motive");
  await until(view, () => globalThis.heard.calls.some(call => call.arguments.source_name));
  assert.equal((await lastCall(view, ANY)).max_operations, 1000, "what the question asked for is kept");
});

board("a tool error is told as it is", {result: answers.failed}, async (view, frame) => {
  assert.match(await frame.getByRole("alert").innerText(), /refused the credentials \(401\)/);
});

board("a refusal of the real server is told as it is", {args: {source_name: "samsarra"}}, async (view, frame) => {
  assert.match(await frame.getByRole("alert").innerText(), /samsarra.*samsara/);
});

board("an error below a cause is told there, and can be tried again", {result: answers.summary(2), answers: {list_resource_operations: answers.failed}}, async (view, frame) => {
  await first(frame).click();
  await frame.getByRole("alert").waitFor();
  assert.ok((await frame.getByRole("alert").innerText()).includes("401"));
  await frame.getByRole("button", {name: "Try again", exact: true}).click();
  await until(view, () => globalThis.heard.calls.length === 2);
});

board("text alone stays text", {result: answers.textOnly}, async (view, frame) => {
  assert.equal(await frame.locator("#board").innerText(), answers.text);
});

board("the text of the real server alone is shown whole", {textOnly: true}, async (view, frame) => {
  const {content} = await view.tab.evaluate(() => globalThis.answer);
  assert.equal(await frame.locator("#board .plain").textContent(), content[0].text);
});

board("hostile texts stay texts, on one line and within bounds", {result: answers.hostile(), width: 320}, async (view, frame) => {
  await first(frame).click();
  assert.equal(await frame.evaluate(() => document.querySelectorAll("#board :is(img, script, style, iframe, a)").length), 0);
  assert.equal(await frame.evaluate(() => globalThis.pwned), undefined);
  const text = await frame.locator("#board").textContent();
  assert.ok(text.includes("<img src="), "shown as what it is");
  assert.doesNotMatch(text, /[\u200b-\u200f\u202a-\u202e\u2066-\u2069\u0000-\u001f]/);
  assert.doesNotMatch(text, /\p{M}{4}/u);
  assert.ok(await frame.evaluate(() => document.documentElement.scrollHeight < 8000));
  await frame.getByRole("button", {name: "Ask the assistant about this"}).click();
  await until(view, () => globalThis.heard.messages.length === 1);
  const {messages, contexts} = await view.heard();
  for (const {content} of [...messages, ...contexts]) assert.doesNotMatch(content[0].text, /[<>{}\u202e]|very-long-very-long-very-long-very-long-very-long-very-long-very-long-very-long-very/);
});

board("fields that are missing, of another type or new break nothing", {result: answers.odd()}, async (view, frame) => {
  const text = await frame.locator("body").innerText();
  assert.match(text, /3 of 5 operations failed/);
  assert.match(text, /wobbling/);
  assert.doesNotMatch(text, /undefined|null|NaN|\[object/);
});

for (const [name, result] of Object.entries({"eight causes": answers.summary(8), "fifty causes": answers.summary(50), "a table of hours": answers.hourByDay(), "bars": answers.byFleet()}))
  board(`320 px are enough for ${name}, in the dark`, {result, width: 320, context: {theme: "dark"}}, async (view, frame) => {
    assert.equal(await frame.evaluate(() => innerWidth), 320);
    assert.equal(await frame.evaluate(() => getComputedStyle(document.body).colorScheme), "dark");
  });

board("the board is as high as what it shows, and says so seldom", {result: answers.summary(50)}, async (view, frame) => {
  const high = await frame.evaluate(() => Math.ceil(document.documentElement.getBoundingClientRect().height));
  await view.tab.waitForFunction(height => globalThis.heard.sizes.at(-1) === height, high);
  assert.ok((await view.heard()).sizes.length <= 4);
});

board("colours, fonts and motion are the host's and the person's", {
  result: answers.summary(2), still: true, context: {theme: "dark", styles: {variables: {"--color-background-primary": "#102030", "--font-sans": "Georgia, serif"}, css: {fonts: "@font-face { font-family: Host; src: local(Georgia) }"}}},
}, async (view, frame) => {
  const style = await frame.evaluate(() => {
    const {backgroundColor, fontFamily} = getComputedStyle(document.body);
    return {backgroundColor, fontFamily, transition: getComputedStyle(document.querySelector(".card")).transitionDuration, fonts: document.fonts.size};
  });
  assert.deepEqual(style, {backgroundColor: "rgb(16, 32, 48)", fontFamily: "Georgia, serif", transition: "0s", fonts: 1});
});

for (const [locale, number, time] of [["en-US", "24,310", "12:00 AM UTC"], ["en-GB", "24,310", "00:00 UTC"], ["de-DE", "24,310", "12:00 AM UTC"], ["not a locale!", "24,310", "12:00 AM UTC"]])
  board(`English numbers and times in UTC for ${locale}`, {result: answers.summary(2), context: {locale, timeZone: "Europe/Berlin"}}, async (view, frame) => {
    const text = await frame.locator("#board").innerText();
    assert.ok(text.includes(`of ${number} operations`), text);
    assert.ok(text.includes(time), text);
    assert.match(await frame.locator("time").first().getAttribute("title"), /1:00:00|01:00:00/, "the reader's own time is at hand");
  });

board("a host that can do nothing gets a board without buttons that do nothing", {result: answers.summary(3), capabilities: {}}, async (view, frame) => {
  await first(frame).click();
  await frame.getByText(/Ask in the chat for its operations/).waitFor();
  assert.equal(await frame.getByRole("button", {name: /assistant|Draft|More operations/}).count(), 0);
  assert.equal(await frame.getByLabel("TSP", {exact: true}).count(), 0);
  assert.deepEqual((await view.heard()).contexts, []);
});

board("a host that drops what is not for the model gets a line for each cause", {forget: true}, async (view, frame) => {
  assert.equal(await frame.getByRole("img", {name: "When it failed within the window"}).count(), await causes(frame).count());
});

board("a later answer keeps what is open and chosen", {result: answers.summary(10)}, async (view, frame) => {
  await frame.getByLabel("Owner", {exact: true}).selectOption("partner");
  await first(frame).click();
  await view.tab.evaluate(later => globalThis.send(later), answers.summary(10, {totals: {operations: 30_000, failed: 3_300, failure_rate: .11}}));
  await frame.getByRole("heading", {level: 1, name: /3,300 of 30,000/}).waitFor();
  assert.equal(await causes(frame).count(), 2);
  assert.equal(await causes(frame).first().getByRole("button", {expanded: true}).count(), 1);
});

board("a question that was cancelled is said to be", {waits: true}, async (view, frame) => {
  assert.match(await frame.locator("#board").innerText(), /Reading operations/);
  await view.tab.evaluate(() => globalThis.bridge.sendToolCancelled({reason: "stopped by the person"}));
  await frame.getByText("The question was cancelled: stopped by the person.").waitFor();
});

checks.push(["a page that made a request would be noticed", async () => {
  const injected = `<img src="https://evil.example/x.png"><script>fetch("https://evil.example/y").catch(() => {})</script>`;
  const view = await shown(chromium, talk, {tool: ANY, result: answers.textOnly, injected});
  await view.board.evaluate(() => new Promise(done => setTimeout(done, 300)));
  for (const directive of ["img-src", "connect-src"])
    assert.ok(view.problems.some(problem => problem.includes(`Content Security Policy directive: "${directive}`)), view.problems.join());
  await view.close();
}]);

checks.push(["a colour that is too faint would be noticed", async () => {
  const view = await shown(chromium, talk, {tool: ANY, result: answers.textOnly, injected: `<style>#board { color: #ccc }</style>`});
  assert.match((await axe(view.board)).join(), /color-contrast/);
  await view.close();
}]);

describe("the board", {concurrency: 3}, () => {
  for (const [name, check] of checks) test(name, check);
});
