// Starts the real server, a host page around the official bridge, a sandbox on another origin, and Chromium.

import {spawn} from "node:child_process";
import {existsSync, readFileSync} from "node:fs";
import http from "node:http";
import {createRequire} from "node:module";
import {fileURLToPath} from "node:url";

import {build} from "esbuild";
import {chromium} from "playwright-core";

const here = name => fileURLToPath(new URL(name, import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

// What a host gives an app that declares no domains, by the specification.
const POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self' data:; connect-src 'none'; object-src 'none'; base-uri 'none'";
const SANDBOX = `<!doctype html><body style="margin:0"><script>
const inner = document.createElement("iframe");
inner.style = "display:block;width:100%;height:100vh;border:0";
inner.allow = "clipboard-write";
inner.setAttribute("sandbox", "allow-scripts");
document.body.append(inner);
addEventListener("message", event => {
  if (event.source === inner.contentWindow) parent.postMessage(event.data, "*");
  else if (event.data?.method === "ui/notifications/sandbox-resource-ready") inner.srcdoc = event.data.params.html;
  else inner.contentWindow.postMessage(event.data, "*");
});
parent.postMessage({jsonrpc: "2.0", method: "ui/notifications/sandbox-proxy-ready", params: {}}, "*");
</script>`;

export const command = (process.env.CATENA_OPS_COMMAND ?? `${here("../../.venv/bin/python")} -m server`).split(" ");

export async function started(args, {env = {}, says}) {
  const [program, ...rest] = command, own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CATENA_")));
  const child = spawn(program, [...rest, ...args], {cwd: process.env.CATENA_OPS_FOLDER ?? here("../.."), env: {...own, ...env}, stdio: ["ignore", "pipe", "pipe"]});
  let said = "";
  await new Promise((done, failed) => {
    const hear = chunk => says.test(said += chunk) && done();
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("exit", code => failed(Error(`${command.join(" ")} ${args.join(" ")} ended with ${code}: ${said}`)));
  });
  return {said, stop: () => new Promise(done => {
    child.removeAllListeners("exit").on("exit", done);
    if (child.exitCode === null) child.kill();
    else done();
  })};
}

const listening = (handler, host) => new Promise(done => {
  const server = http.createServer(handler).listen(0, host, () => done({port: server.address().port, stop: () => server.closeAllConnections() ?? server.close()}));
});
const free = async () => {
  const {port, stop} = await listening(() => {}, "127.0.0.1");
  stop();
  return port;
};
const page = (response, type, body, headers = {}) => response.writeHead(200, {"content-type": type, ...headers}).end(body);

async function until(url) {
  for (let tries = 0; tries < 300; tries++)
    if (await fetch(url).then(answer => answer.ok, () => false)) return;
    else await new Promise(done => setTimeout(done, 100));
  throw Error(`nothing answers at ${url}`);
}

// The real server over HTTP, with the page of the chat before it and a sandbox on an origin of its own.
export async function chat(env = {}) {
  const port = await free(), server = await started(["serve", "--demo", "--transport", "http", "--port", port], {env, says: /Serving MCP/});
  await until(`http://127.0.0.1:${port}/healthz`);
  const made = await build({entryPoints: [here("host.js")], bundle: true, format: "esm", target: "es2022", write: false});
  const front = await listening((request, response) => {
    if (request.url === "/mcp") return proxied(request, response, port);
    if (request.url === "/host.js") return page(response, "text/javascript", made.outputFiles[0].text);
    page(response, "text/html", `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body style="margin:0"><script type="module" src="/host.js"></script>`);
  }, "127.0.0.1");
  const sandbox = await listening((_, response) => page(response, "text/html", SANDBOX, {"content-security-policy": POLICY}), "localhost");
  return {
    address: `http://127.0.0.1:${front.port}/`, sandbox: `http://localhost:${sandbox.port}/`,
    stop: async () => {
      front.stop();
      sandbox.stop();
      await server.stop();
    },
  };
}

function proxied(request, response, port) {
  const {origin, referer, ...headers} = request.headers;
  const on = http.request({port, host: "127.0.0.1", path: "/mcp", method: request.method, headers: {...headers, host: `127.0.0.1:${port}`}}, answer => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  on.on("error", error => response.destroy(error));
  request.pipe(on);
}

export const browser = () => {
  const executablePath = PLACES.find(place => place && existsSync(place));
  return chromium.launch({executablePath, args: FLAGS, env: {...process.env, LANG: "en_US.UTF-8"}});
};

// Clients of before 2026-07-28 ask whether the server sends by itself; one without sessions says no, with 405.
const asksForStream = message => message.location().url.endsWith("/mcp") && message.text().includes("405");

// A page that notes every request and every error in any of its frames; Chromium tells a breach of the policy as one.
export async function watched(browser, {width = 680, height = 900, dark = false, still = false} = {}) {
  const context = await browser.newContext({viewport: {width, height}, colorScheme: dark ? "dark" : "light", reducedMotion: still ? "reduce" : "no-preference", locale: "en-US"});
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  context.setDefaultTimeout(15_000);
  const tab = await context.newPage(), seen = {requests: [], problems: []};
  tab.on("request", request => seen.requests.push(request.url()));
  tab.on("console", message => message.type() === "error" && !asksForStream(message) && seen.problems.push(message.text()));
  tab.on("pageerror", error => seen.problems.push(String(error)));
  return {tab, ...seen, close: () => context.close()};
}

// A chat that asked `tool` and shows the board; `board` is the frame of the page under test.
export async function shown(browser, chat, scenario) {
  const {tab, requests, problems, close} = await watched(browser, {width: Math.max(scenario.width ?? 640, 320), dark: scenario.context?.theme === "dark", still: scenario.still});
  await tab.addInitScript(given => globalThis.scenario = given, {sandbox: chat.sandbox, ...scenario});
  await tab.goto(chat.address);
  await tab.waitForFunction(() => document.title === "shown", null, {timeout: 60_000}).catch(error => {
    throw Error(`the chat shows nothing: ${problems.join(" | ") || error.message}`);
  });
  const board = tab.frames().at(-1);
  if (!scenario.waits) await board.waitForSelector("#board:not([aria-busy=true])");
  return {tab, board, requests, problems, close, heard: () => tab.evaluate(() => globalThis.heard)};
}

export async function axe(frame) {
  await frame.evaluate(AXE);
  const {violations} = await frame.evaluate(() => globalThis.axe.run(document, {resultTypes: ["violations"], rules: {"page-has-heading-one": {enabled: false}}}));  // a frame in a chat is no page of its own
  return violations.filter(({impact}) => impact !== "minor").map(({id, nodes}) => `${id}: ${nodes.map(node => node.html).slice(0, 3).join(" | ")}`);
}

// A picture of the whole board, for the docs; a frame within a frame is only painted where it is in sight.
export async function pictured({tab}, path) {
  const {width} = tab.viewportSize();
  await tab.setViewportSize({width, height: await tab.evaluate(() => document.querySelector("iframe").clientHeight)});
  await tab.evaluate(() => new Promise(done => setTimeout(done, 300)));
  await tab.screenshot({path});
}
