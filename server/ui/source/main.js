// Where the page begins: with a host around it, with a snapshot inside it, or with neither.

import {draw, notice, renew, show} from "./boards.js";
import {broken, dim, el} from "./elements.js";
import {hears, host, notify, request} from "./wire.js";
import {object, text} from "./words.js";

const PROTOCOL = "2026-01-26", SETTLED_MS = 40, WAIT_MS = 20_000;
let input = {}, fonts = null, height = 0, settled = 0;

function context(told) {
  host.context = {...host.context, ...told};
  const {style} = document.documentElement, styles = object(told.styles), css = object(styles.css).fonts;
  if (told.theme) style.colorScheme = told.theme === "dark" ? "dark" : "light";
  for (const [name, value] of Object.entries(object(styles.variables)))
    if (name.startsWith("--") && value) style.setProperty(name, value);
  if (css) {
    fonts?.remove();
    fonts = document.head.appendChild(el("style", {}, css));
  }
  draw();
}

hears["ui/notifications/host-context-changed"] = context;
hears["ui/notifications/tool-input"] = told => {
  input = object(told.arguments);
};
hears["ui/notifications/tool-result"] = result => renew(result, input);
hears["ui/notifications/tool-cancelled"] = told => notice(dim("The question was cancelled", told.reason && `: ${text(told.reason)}`, "."));
hears["ui/resource-teardown"] = () => ({});
hears.ping = () => ({});

function tellSize() {
  const now = Math.ceil(document.documentElement.getBoundingClientRect().height);
  if (host.ready && now !== height) notify("ui/notifications/size-changed", {width: innerWidth, height: height = now});
}
new ResizeObserver(() => {
  clearTimeout(settled);
  settled = setTimeout(tellSize, SETTLED_MS);
}).observe(document.documentElement);

// Everything that the host may say is heard from here on: hosts do not say it again.
async function meetHost() {
  const told = object(await request("ui/initialize", {
    protocolVersion: PROTOCOL, appInfo: {name: "catena-ops-board", version: "1"}, appCapabilities: {availableDisplayModes: ["inline"]},
  }, WAIT_MS));
  host.capabilities = object(told.hostCapabilities);
  host.context = object(told.hostContext);
  host.ready = true;
  notify("ui/notifications/initialized");
  context(host.context);
  tellSize();
}

const snapshot = document.getElementById("snapshot");
if (snapshot) show(...JSON.parse(snapshot.textContent));
else if (parent === window) notice(dim("This page is shown by a chat that knows MCP Apps, or by the command catena-ops-mcp board."));
else meetHost().catch(error => notice(broken(error)));
