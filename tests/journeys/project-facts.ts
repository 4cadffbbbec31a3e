/** What stands in a project's stores, read from outside: the tests hold a report, and a project that was killed, against it. */
import { join } from "node:path";
import { dailyMetrics, type DailyMetrics } from "#domains/monitoring";
import { listRuns, openLedger, type Run } from "#domains/pipelines";
import { resolveConfig } from "#domains/project";
import { aliasHistory, listModels, listVersions, type AliasChange, type ModelVersion } from "#domains/registry";
import { listDecisions, type Decision } from "#domains/retraining";
import { decodePrediction } from "#domains/serving";
import { openStores, type Stores } from "#entry/open-stores";
import { systemClock } from "#kit/clock";
import { sha256 } from "#kit/hash";
import { silentLog } from "#kit/log";
import { quoteName } from "#kit/sql-text";

export interface TableFacts {
  version: number;
  rows: number;
  /** A digest of the rows, whatever their order. */
  content: string;
  /** Versions in the table's log, oldest first. */
  history: number[];
}

export interface TopicFacts {
  records: number;
  keys: number;
}

/** What was answered on the stream. */
export interface StreamAnswers {
  answers: number;
  keys: number;
  byVersion: Record<number, number>;
  /** Over key, version and score of every answer, whatever their order. */
  content: string;
  /** Answers to questions over HTTP. */
  asked: number;
}

export interface ProjectFacts {
  tables: Record<string, TableFacts>;
  topics: Record<string, TopicFacts>;
  answers: StreamAnswers;
  versions: ModelVersion[];
  champions: AliasChange[];
  decisions: Decision[];
  runs: Run[];
  days: DailyMetrics[];
}

export async function readFacts(folder: string, { model, endpoint }: { model: string; endpoint: string }): Promise<ProjectFacts> {
  const home = join(folder, ".millrace");
  const config = resolveConfig({ name: "facts", home, resources: { threads: 1, sqlMemoryMb: 300 } }, {});
  const stores = await openStores({ project: { config, home }, environment: {}, clock: systemClock, log: silentLog, readOnly: true });
  const services = { state: stores.state, clock: systemClock };
  try {
    const [known] = (await listModels(services)).filter(({ name }) => name === model);
    return {
      tables: await tableFacts(stores),
      topics: await topicFacts(stores),
      answers: await answerFacts(stores, `${endpoint}-predictions`),
      versions: known ? (await listVersions(services, { model })).toSorted((a, b) => a.version - b.version) : [],
      champions: known ? await aliasHistory(services, { model, alias: "champion" }) : [],
      decisions: await listDecisions(stores.state, endpoint),
      runs: await listRuns(openLedger({ database: stores.state, clock: systemClock }), { limit: 200 }),
      days: await dailyMetrics(stores, endpoint),
    };
  } finally {
    await stores.close();
  }
}

/** Rows of a query over the stored versions of tables: `relation` gives a table (at a version) for its FROM clause. */
export async function askLake<Row>(
  folder: string,
  sql: (relation: (table: string, version?: number) => Promise<string>) => Promise<string>,
): Promise<Row[]> {
  const home = join(folder, ".millrace");
  const config = resolveConfig({ name: "facts", home, resources: { threads: 1, sqlMemoryMb: 300 } }, {});
  const stores = await openStores({ project: { config, home }, environment: {}, clock: systemClock, log: silentLog, readOnly: true });
  try {
    const relation = (table: string, version?: number) => stores.lake.relation(table, version === undefined ? undefined : { version });
    return (await stores.warehouse.rows(await sql(relation))) as Row[]; // the caller names what it selects
  } finally {
    await stores.close();
  }
}

async function tableFacts({ lake, warehouse }: Stores): Promise<Record<string, TableFacts>> {
  const facts: Record<string, TableFacts> = {};
  for (const table of await lake.tables()) {
    const { version, rows, columns } = await lake.snapshot(table);
    const hash = `hash(${columns.map(({ name }) => quoteName(name)).join(", ")})`;
    const [row] = await warehouse.rows(
      `select cast(count(*) as integer) as n, cast(bit_xor(${hash}) as varchar) as x, cast(sum(${hash} >> 32) as varchar) as s from ${await lake.relation(table)}`,
    );
    if (row!["n"] !== rows) throw new Error(`${table} says it has ${rows} rows, but ${String(row!["n"])} can be read.`);
    const history = (await lake.history(table)).map((each) => each.version).toReversed();
    facts[table] = { version, rows, content: `${String(row!["x"])}/${String(row!["s"])}`, history };
  }
  return facts;
}

async function topicFacts({ stream }: Stores): Promise<Record<string, TopicFacts>> {
  const facts: Record<string, TopicFacts> = {};
  for (const { name } of await stream.topics()) {
    const keys = new Set<string>();
    let records = 0;
    for await (const batch of stream.read(name, { from: "first" })) {
      records += batch.records.length;
      for (const { key } of batch.records) keys.add(key?.toString("utf8") ?? "");
    }
    facts[name] = { records, keys: keys.size };
  }
  return facts;
}

async function answerFacts({ stream }: Stores, topic: string): Promise<StreamAnswers> {
  const keys = new Set<string>();
  const facts: StreamAnswers = { answers: 0, keys: 0, byVersion: {}, content: "", asked: 0 };
  let content = 0n;
  if (!(await stream.topics()).some(({ name }) => name === topic)) return facts;
  for await (const { records } of stream.read(topic, { from: "first" })) {
    for (const { value } of records) {
      const { key, version, score, source } = decodePrediction(value);
      if (source === "http") facts.asked++;
      else {
        facts.answers++;
        facts.byVersion[version] = (facts.byVersion[version] ?? 0) + 1;
        keys.add(key);
        content ^= BigInt(`0x${sha256(`${key} ${version} ${score}`).slice(0, 16)}`);
      }
    }
  }
  return { ...facts, keys: keys.size, content: content.toString(16) };
}
