// Times the board: from the moment a chat hands over a result until the browser has painted it. Prints milliseconds as JSON.

import * as answers from "./answers.mjs";
import {browser, chat, shown} from "./harness.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 15);
const [talk, chromium] = await Promise.all([chat(), browser()]), took = {};

async function painted(causes) {
  const {tab, board, close} = await shown(chromium, talk, {tool: "summarize_failures", waits: true});
  await board.evaluate(() => {
    globalThis.painted = new Promise(done => {
      const seen = new MutationObserver(() => {
        if (!document.querySelector(".card")) return;
        seen.disconnect();
        // The frame after the one that draws begins when that one is on its way to the screen.
        requestAnimationFrame(() => requestAnimationFrame(() => done(performance.timeOrigin + performance.now())));
      });
      seen.observe(document.getElementById("board"), {childList: true, subtree: true});
    });
  });
  const sent = await tab.evaluate(async result => {
    const began = performance.timeOrigin + performance.now();
    await globalThis.send(result);
    return began;
  }, answers.summary(causes));
  const milliseconds = await board.evaluate(() => globalThis.painted) - sent;
  await close();
  return milliseconds;
}

for (const causes of [8, 50]) {
  took[causes] = [];
  for (let round = 0; round < ROUNDS; round++) took[causes].push(await painted(causes));
}
await chromium.close();
await talk.stop();
process.stdout.write(JSON.stringify(took) + "\n");
