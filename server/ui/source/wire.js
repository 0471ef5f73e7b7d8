// The wire of MCP Apps (2026-01-26): JSON-RPC with the window around this one. The page makes no request of its own.

import {object, list, text} from "./words.js";

export const host = {context: {}, capabilities: {}, ready: false};
export const hears = {};  // what the host may say, by method

const WAIT_MS = 90_000;  // a call of the server may take 45 s, and another may be before it
const waiting = new Map();
let last = 0, looked = "";

const post = message => parent.postMessage({jsonrpc: "2.0", ...message}, "*");
export const notify = (method, params = {}) => post({method, params});

export function request(method, params, wait = WAIT_MS) {
  return new Promise((done, failed) => {
    const id = ++last;
    const late = setTimeout(() => {
      waiting.delete(id);
      failed(Error("The host did not answer."));
    }, wait);
    waiting.set(id, {done, failed, late});
    post({id, method, params});
  });
}

addEventListener("message", ({source, data}) => {
  if (source !== parent || source === window || data?.jsonrpc !== "2.0") return;
  if (data.method) heard(data);
  else answered(data);
});

function heard({id, method, params}) {
  const known = Object.hasOwn(hears, method), result = known ? hears[method](object(params)) : undefined;
  if (id === undefined) return;
  post(known ? {id, result: result ?? {}} : {id, error: {code: -32601, message: "Method not found"}});
}

function answered({id, result, error}) {
  const asked = waiting.get(id);
  if (!asked) return;
  waiting.delete(id);
  clearTimeout(asked.late);
  if (error) asked.failed(Error(text(error.message) || "The host refused."));
  else asked.done(result);
}

// Calls a tool through the host; a tool error is thrown with the server's words.
export async function call(name, given) {
  const result = await request("tools/call", {name, arguments: given});
  if (result?.isError) throw Error(wordsOf(result) || "The tool failed.");
  return result;
}

export const wordsOf = result => list(result?.content).map(block => block?.text ?? "").join("\n");

// Tells the model what the person looks at: ids and words of the contract only, never text of others.
export function look(what) {
  if (!host.capabilities.updateModelContext || what === looked) return;
  looked = what;
  request("ui/update-model-context", {content: [{type: "text", text: what}]}).catch(() => {});
}

// Says something in the chat for the person, who pressed the button.
export const say = what => request("ui/message", {role: "user", content: [{type: "text", text: what}]});
