// The board without a chat: the commands `board` and `report`, in a real browser.

import assert from "node:assert/strict";
import {mkdtempSync, readFileSync, rmSync, statSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {pathToFileURL} from "node:url";
import {after, before, test} from "node:test";

import {axe, browser, started, watched} from "./harness.mjs";

let chromium, folder;
before(async () => {
  chromium = await browser();
  folder = mkdtempSync(join(tmpdir(), "board-"));
});
after(async () => {
  await chromium?.close();
  rmSync(folder, {recursive: true});
});

async function live(check) {
  const server = await started(["board", "--demo", "--no-open"], {says: /Failure board at (\S+)/});
  const address = /Failure board at (\S+)/.exec(server.said)[1], view = await watched(chromium, {width: 900});
  try {
    await check(view, address, new URL(address).origin);
  } finally {
    await view.close();
    await server.stop();
  }
}

test("the address opens the board for one browser, once, and leaves the screen at once", () => live(async ({tab, problems, requests}, address, origin) => {
  await tab.goto(address);
  const frame = tab.frameLocator("#board");
  await frame.getByRole("list", {name: "Causes"}).waitFor();
  assert.ok(!tab.url().includes("token"), tab.url());
  assert.deepEqual(problems, []);
  assert.ok(requests.every(url => url.startsWith(origin) || url.startsWith("data:")), requests.join());
  assert.deepEqual(await axe(tab), []);
  assert.deepEqual(await axe(tab.frames().at(-1)), []);
  assert.equal((await fetch(address, {redirect: "manual"})).status, 403, "not a second time");
  await tab.reload();
  await frame.getByRole("list", {name: "Causes"}).waitFor();
}));

test("its views, windows and clicks ask the same tools, and new data keeps what is open", () => live(async ({tab, problems}, address) => {
  await tab.goto(address);
  const frame = tab.frameLocator("#board");
  await frame.locator(".open").first().click();
  await frame.locator(".ops > li").first().waitFor();
  assert.equal(await frame.getByRole("button", {name: /assistant|Draft/}).count(), 0, "there is no chat to ask");
  await frame.getByRole("button", {name: /^Copy g_/}).click();
  await frame.getByText("Copied", {exact: true}).first().waitFor();
  const answered = tab.waitForResponse(response => response.url().endsWith("/mcp"));
  await tab.getByRole("button", {name: "Refresh"}).click();
  await answered;
  await frame.locator(".card").first().getByRole("button", {expanded: true}).waitFor();
  await tab.getByRole("button", {name: "Compared with before"}).click();
  await frame.getByText(/^Compared with/).waitFor();
  await tab.getByLabel("Window").selectOption("-7d");
  await frame.getByText(/operations failed/).first().waitFor();
  assert.match(tab.url(), /view=1&window=-7d/);
  await tab.getByRole("button", {name: "Pause"}).click();
  assert.equal(await tab.getByRole("button", {name: "Pause"}).getAttribute("aria-pressed"), "true");
  assert.deepEqual(problems, []);
}));

test("a server that is gone is told, and the board stays", async () => {
  const server = await started(["board", "--demo", "--no-open"], {says: /Failure board at (\S+)/}), view = await watched(chromium);
  await view.tab.goto(/Failure board at (\S+)/.exec(server.said)[1]);
  await view.tab.frameLocator("#board").locator(".card").first().waitFor();
  await server.stop();
  await view.tab.getByRole("button", {name: "Refresh"}).click();
  await view.tab.getByText(/^Not read: .* Trying again in a minute\.$/).waitFor();
  assert.ok(await view.tab.frameLocator("#board").locator(".card").first().isVisible());
  await view.close();
});

test("a report is one file that shows what the tools told, with nothing around it", async () => {
  const file = join(folder, "report.html");
  await (await started(["report", "--demo", "--html", file], {says: /Written: .*masked/})).stop();
  assert.ok(statSync(file).size < 120_000);
  assert.doesNotMatch(readFileSync(file, "utf8"), /client_secret|Bearer/);
  const {tab, requests, problems, close} = await watched(chromium, {width: 800});
  await tab.goto(pathToFileURL(file).href);
  await tab.getByText(/^Compared with/).waitFor();
  assert.equal(await tab.locator("section").count(), 2);
  assert.ok(await tab.getByRole("list", {name: "Causes"}).first().locator(".card").count() > 1);
  await tab.locator(".open").first().click();
  await tab.locator(".panel .pairs").first().waitFor();
  assert.equal(await tab.getByRole("button", {name: /Attempts|assistant|Draft|More operations|Try/}).count(), 0, "no button that does nothing");
  assert.deepEqual(problems, []);
  assert.deepEqual(requests, [pathToFileURL(file).href]);
  assert.deepEqual(await axe(tab), []);
  await close();
});
