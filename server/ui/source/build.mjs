// Makes ../board.html of these files, with esbuild: `node build.mjs`, or with --check to see whether it is current.

import {readFileSync, writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import {fileURLToPath} from "node:url";

const here = name => fileURLToPath(new URL(name, import.meta.url));
const {build} = createRequire(here("../../../tests/browser/package.json"))("esbuild");

async function bundled(name) {
  const made = await build({entryPoints: [here(name)], bundle: true, minify: true, format: "esm", target: "es2022", charset: "utf8", legalComments: "none", write: false});
  return made.outputFiles[0].text.trim();
}

const [style, script] = await Promise.all([bundled("board.css"), bundled("main.js")]);
const page = readFileSync(here("page.html"), "utf8").replace("/*style*/", () => style).replace("/*script*/", () => script);
const current = process.argv.includes("--check") ? readFileSync(here("../board.html"), "utf8") === page : true;
if (!process.argv.includes("--check")) writeFileSync(here("../board.html"), page);
process.stdout.write(`board.html: ${Buffer.byteLength(page)} bytes${current ? "" : ", NOT current: run node server/ui/source/build.mjs"}\n`);
process.exitCode = current ? 0 : 1;
