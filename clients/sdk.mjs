// Drive the TypeScript SDK, its first or second version: node sdk.mjs v1|v2 '{"target": ..., "calls": [...]}'
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [, , which, told] = process.argv;
const { target, calls } = JSON.parse(told);
const modules = process.env.NODE_MODULES;
const require = createRequire(join(modules, "x.js"));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const version = (name) => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")).version;

const name = which === "v1" ? "@modelcontextprotocol/sdk" : "@modelcontextprotocol/client";
const { Client } = await load(which === "v1" ? `${name}/client/index.js` : name);
const stdio = await load(which === "v1" ? `${name}/client/stdio.js` : `${name}/stdio`);
const http = which === "v1" ? await load(`${name}/client/streamableHttp.js`) : await load(name);
const options = which === "v2" ? { versionNegotiation: { mode: "auto" } } : {};
const client = new Client({ name: `typescript-${which}`, version: "1" }, options);
const [command, ...args] = target.command ?? [];
await client.connect(
  target.url ? new http.StreamableHTTPClientTransport(new URL(target.url)) : new stdio.StdioClientTransport({ command, args }),
);
const tools = (await client.listTools()).tools.map((tool) => tool.name);
const shown = [];
for (const [tool, given] of calls) {
  const result = await client.callTool({ name: tool, arguments: given });
  shown.push(result.content[0].text);
}
await client.close();
console.log(JSON.stringify({ version: version(name), tools, shown }));
