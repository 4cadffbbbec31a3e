import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Topic } from "#domains/ingest";
import type { AnyFlow } from "#domains/pipelines";
import { definitionsOf, loadConfig, lockProject } from "#domains/project";
import { createEndpointDesk, type Endpoint, type Replay } from "#domains/serving";
import { getModel } from "#domains/registry";
import { AppError } from "#kit/app-error";
import { millraceVersion } from "#kit/environment";
import { writeFileAtomic } from "#kit/files";
import type { CommandContext, CommandModule } from "./command.ts";
import { makeReport, reportText, type DemoReport } from "./demo-report.ts";
import { executeFlow } from "./execute-flow.ts";
import { openLiveEndpoint, type LiveEndpoint } from "./live-endpoint.ts";
import { loginOf, openProject, type OpenedProject } from "./open-project.ts";
import { buildProject, ingestSources } from "./prepare-data.ts";
import { gateError, isRegistered } from "./registered-result.ts";
import { replayProject } from "./replay-project.ts";
import { allRoutes } from "./routes.ts";
import { showRun } from "./run-events.ts";
import { scoreBatches } from "./score-batches.ts";
import { serveProject } from "./serve-project.ts";
import { startServer } from "./server.ts";
import { servingServices } from "./serving-services.ts";
import { openStages, type Stages } from "./stages.ts";
import { dataSummary, modelsSummary, whole } from "./summaries.ts";

export const command: CommandModule["command"] = async (context) => {
  const { terminal, options } = context;
  if (options["fresh"]) await forget(context);
  const project = await openProject({ ...context, purpose: "millrace demo" });
  let live: LiveEndpoint[] = [];
  try {
    const { services } = project;
    const stages = openStages(terminal);
    terminal.note(`${services.project.config.name}: from raw data to a model that is served, watched and retrained`);
    await learn(project, stages, context);
    await services.warehouse.close(); // gives its memory back; it opens again at the next question
    live = await replay(project, stages, context);
    const question = await ask(project, live);
    const report = await makeReport(services, stages, question);
    await writeFileAtomic(join(services.project.home, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
    terminal.result(report, reportText(report));
    if (!options["serve"]) return;
    const server = await serveProject(project, { signal: context.signal, live });
    terminal.note(`Serving at ${server.address}. Stop it with Ctrl-C. Ask it:\n  ${curl(server.address, question)}`);
    live = [];
    await server.done;
    return 0; // being stopped is how a server ends
  } finally {
    for (const each of live) await each.close();
    await project.close();
  }
};

/** Removes what earlier runs left, holding the project so that no other process loses its ground. */
async function forget({ folder, environment }: CommandContext): Promise<void> {
  const { home } = await loadConfig(folder, environment);
  const lock = lockProject(home, "millrace demo --fresh");
  for (const name of ["state.db", "state.db-wal", "state.db-shm", "blobs", "streams", "scratch", "report.json"])
    await rm(join(home, name), { recursive: true, force: true });
  lock.release();
}

async function learn({ services }: OpenedProject, stages: Stages, { signal, terminal }: CommandContext): Promise<void> {
  await stages.run("ingest", async (onProgress) => dataSummary(await ingestSources(services, { signal, onProgress })));
  await stages.run("models", async (onProgress) => modelsSummary(await buildProject(services, { signal, onProgress })));
  const promoted = new Map<string, number>();
  for (const flow of definitionsOf<AnyFlow & { name: string }>(services.project, "flow")) {
    const made = await stages.run(flow.name, async () => {
      const { steps, result } = await executeFlow(services, flow, { signal, onEvent: showRun(terminal) });
      return { result, summary: `${steps.ran} steps ran, ${steps.cached} from the cache`, cached: steps.ran === 0 };
    });
    if (!isRegistered(made)) continue;
    if (made.promoted) promoted.set(made.model, made.version);
    else if ((await getModel(services.registry, made.model)).aliases[made.alias] === undefined) throw gateError(made); // nothing answers
  }
  await stages.run("batch", async (onProgress) => {
    // With the version that was just made: what the stream teaches later is not known yet, also when the demonstration runs again.
    const result = await scoreBatches(services, { versions: promoted, signal, onProgress });
    return {
      result,
      summary: result.map(({ table, rows, skipped }) => `${table} ${skipped ? "is there" : `${whole(rows)} rows`}`).join(", ") || "nothing to score",
      cached: result.every(({ skipped }) => skipped),
    };
  });
}

/** Plays every replay through the endpoints; returns the endpoints as they stand after it. */
async function replay({ services }: OpenedProject, stages: Stages, { signal, terminal }: CommandContext): Promise<LiveEndpoint[]> {
  let live: LiveEndpoint[] = [];
  for (const definition of definitionsOf<Replay>(services.project, "replay")) {
    for (const each of live) await each.close();
    live = await stages.run(`replay ${definition.name}`, async (onProgress) => {
      const { days, events, answered, endpoints } = await replayProject(services, definition, {
        signal,
        onProgress,
        onEvent: showRun(terminal),
        onDay: (day, { report, retrained }) => {
          const serving = report.metrics.find((metrics) => metrics.day === day.day && metrics.role === "serving");
          onProgress(`${day.day}, day ${day.index + 1} of ${day.days}${serving?.auc ? `, AUC ${serving.auc.toFixed(3)}` : ""}`);
          if (retrained)
            terminal.note(
              `  ${day.day.padEnd(16)}learnt again: ${retrained.outcome?.promoted ? `v${retrained.outcome.version} answers from here on` : (retrained.error ?? "the challenger did not pass")}`,
            );
        },
      });
      return { result: endpoints, summary: `${days} days, ${whole(events)} events, ${whole(answered)} answered`, cached: days === 0 };
    });
  }
  if (live.length === 0)
    for (const definition of definitionsOf<Endpoint>(services.project, "endpoint"))
      live.push(await openLiveEndpoint(services, definition, { signal }));
  return live;
}

/** Asks the first endpoint over HTTP, with nothing but the row's own columns: the server reads the features itself. */
async function ask({ services }: OpenedProject, live: LiveEndpoint[]): Promise<DemoReport["question"]> {
  const [first] = live;
  if (!first) return null;
  const { name } = first.endpoint.definition;
  const row = await exampleRow(services, first);
  const desk = createEndpointDesk(servingServices(services), {
    endpoints: definitionsOf<Endpoint>(services.project, "endpoint"),
    topics: definitionsOf<Topic>(services.project, "topic"),
    open: async (definition) => live.find((each) => each.endpoint.definition.name === definition.name)!.endpoint,
  });
  const server = await startServer({
    routes: allRoutes,
    services: { ...services, serving: desk },
    host: "127.0.0.1",
    port: 0,
    version: millraceVersion(),
    log: services.log,
    ...loginOf(services),
  });
  try {
    const send = async () => {
      const response = await fetch(`${server.address}/api/endpoints/${name}/predictions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ rows: [row] }),
      });
      const answer = (await response.json()) as { predictions?: { id: string; score: number }[]; error?: { message: string } };
      if (!answer.predictions?.[0]) throw new AppError("internal", `The server did not answer: ${answer.error?.message ?? response.status}.`);
      return answer.predictions[0];
    };
    await send(); // the first question opens the connection
    const started = performance.now();
    const { id, score } = await send();
    return { endpoint: name, row, score, id, milliseconds: performance.now() - started };
  } finally {
    await server.close();
  }
}

/** A row like the newest event that was answered, without its time: it is asked as of now. */
async function exampleRow({ stream }: OpenedProject["services"], { endpoint }: LiveEndpoint): Promise<Record<string, unknown>> {
  const asks = endpoint.definition.stream?.in;
  const { signature } = endpoint.serving();
  const wanted = new Set([...signature.columns, ...Object.values(signature.features).flatMap(({ on }) => on)]);
  const [info] = asks ? await stream.topics([asks.name]) : [];
  const end = info?.partitions[0]?.endOffset ?? 0;
  if (!asks || end === 0) throw new AppError("not_found", `Nothing has come on a topic of endpoint "${endpoint.definition.name}" yet.`);
  for await (const { records } of stream.read(asks.name, { from: end - 1, until: end })) {
    const event = JSON.parse(records[0]!.value.toString("utf8")) as Record<string, unknown>; // written by Millrace
    return Object.fromEntries(Object.entries(event).filter(([name]) => wanted.has(name)));
  }
  throw new AppError("internal", `The newest event of topic ${asks.name} cannot be read.`);
}

function curl(address: string, question: DemoReport["question"]): string {
  if (!question) return `curl ${address}/health`;
  return `curl -s ${address}/api/endpoints/${question.endpoint}/predictions -H 'content-type: application/json' -d '${JSON.stringify({ rows: [question.row] })}'`;
}
