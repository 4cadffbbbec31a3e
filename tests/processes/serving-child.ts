/**
 * The process that serving's crash test kills: plays the file back day by day and answers, with checkpoints in between, and says a
 * line at each step. Arguments: folder of the project.
 */
import { openEndpoint, replayDays } from "#domains/serving";
import { june, late, openServingProject, topics } from "./serving-project.ts";

const say = (line: string) => process.stdout.write(`${line}\n`);
const project = await openServingProject(process.argv[2]!);
const endpoint = await openEndpoint(project, late, topics);
say("open");
endpoint.onBatch(({ predictions }) => say(`batch ${predictions.length}`));
for await (const { day, index } of replayDays(project, june)) {
  say(`day ${day}`);
  await endpoint.advance();
  say(`answered ${day}`);
  if (index % 2 === 1) await endpoint.checkpoint();
}
await endpoint.advance();
await endpoint.close();
await project.close();
say("done");
