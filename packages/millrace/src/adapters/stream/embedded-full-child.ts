/** For embedded-full.test.ts: appends to "big" until the system refuses three times, then once to "small"; prints what happened. */
import { AppError } from "#kit/app-error";
import { systemClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import { openEmbeddedStream } from "./embedded.ts";

const stream = await openEmbeddedStream({ folder: process.argv[2]!, clock: systemClock, log: silentLog });
for (const topic of ["big", "small"]) await stream.createTopic(topic);
const refused: string[] = [];
let acknowledged = 0;
for (let i = 0; i < 100 && refused.length < 3; i++) {
  try {
    await stream.append("big", [{ value: new Uint8Array(10_000) }]);
    acknowledged++;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    refused.push(error.code);
  }
}
await stream.append("small", [{ value: "fits" }]);
const topics = await stream.topics();
await stream.close();
console.log(
  JSON.stringify({ acknowledged, refused, after: topics.flatMap(({ partitions }) => partitions).reduce((sum, { endOffset }) => sum + endOffset, 0) }),
);
