// A chat's side, in the browser: the official bridge with the official client, told by `scenario` what to show.

import {AppBridge, PostMessageTransport, getToolUiResourceUri, RESOURCE_MIME_TYPE} from "@modelcontextprotocol/ext-apps/app-bridge";
import {Client, StreamableHTTPClientTransport} from "@modelcontextprotocol/client";

const ME = {name: "a-chat", version: "1"};
const {tool: name, args = {}, result, era, width, capabilities, context, sandbox, textOnly, forget, injected = ""} = globalThis.scenario;
const heard = globalThis.heard = {messages: [], contexts: [], sizes: [], calls: []};

const ui = {"io.modelcontextprotocol/ui": {mimeTypes: [RESOURCE_MIME_TYPE]}};
const modern = era === "legacy" ? {} : {versionNegotiation: {mode: "auto"}};
const client = new Client(ME, {capabilities: {extensions: ui}, ...modern});
await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", location.href)));
heard.protocol = client.getNegotiatedProtocolVersion();
heard.extensions = client.getServerCapabilities().extensions;

const tool = (await client.listTools()).tools.find(one => one.name === name);
const [page] = (await client.readResource({uri: getToolUiResourceUri(tool)})).contents;
heard.resource = {mimeType: page.mimeType, ui: page._meta?.ui, size: new TextEncoder().encode(page.text).length};

const frame = document.createElement("iframe");
frame.setAttribute("sandbox", "allow-scripts allow-same-origin");
frame.allow = "clipboard-write";
frame.style = `width: ${width ?? 640}px; height: 100px; border: 0`;
document.body.append(frame);

const offered = capabilities ?? {serverTools: {}, updateModelContext: {text: {}}, message: {text: {}}};
const bridge = globalThis.bridge = new AppBridge(client, ME, offered, {
  hostContext: {theme: "light", locale: "en-US", timeZone: "America/Chicago", displayMode: "inline", availableDisplayModes: ["inline"], ...context},
});
bridge.onmessage = async said => {
  heard.messages.push(said);
  return {};
};
bridge.onupdatemodelcontext = async told => {
  heard.contexts.push(told);
  return {};
};
bridge.onsizechange = ({height}) => {
  heard.sizes.push(height);
  if (height) frame.style.height = `${height}px`;
};
const initialized = new Promise(done => bridge.oninitialized = done);
const proxied = new Promise(done => addEventListener("message", event => event.data?.method === "ui/notifications/sandbox-proxy-ready" && done()));
frame.src = sandbox;
await proxied;
await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
bridge.oncalltool = async call => {  // connecting sets one that calls the server
  heard.calls.push(call);
  return globalThis.scenario.answers?.[call.name] ?? client.callTool(call);
};
await bridge.sendSandboxResourceReady({html: page.text.replace("</main>", `</main>${injected}`), csp: page._meta?.ui?.csp});
await initialized;

await bridge.sendToolInput({arguments: args});
const answer = result ?? await client.callTool({name, arguments: args});
if (forget) delete answer._meta;
globalThis.send = given => bridge.sendToolResult(given);
globalThis.answer = textOnly ? {content: answer.content} : answer;
if (!globalThis.scenario.waits) await globalThis.send(globalThis.answer);
document.title = "shown";
