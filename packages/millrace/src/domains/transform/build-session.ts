import { AppError } from "#kit/app-error";
import type { Clock } from "#kit/clock";
import type { Lake } from "#domains/lake";
import type { ColumnType, Warehouse } from "#ports/warehouse";
import { emptyQuery, openBuildCatalog, type BuildCatalog } from "./build-catalog.ts";
import { emptySource, type InputVersion } from "./build-key.ts";
import { unknownSource } from "./describe-models.ts";
import { relationOfRecord } from "./model-relation.ts";
import {
  modelSchema,
  type BuildRecord,
  type BuildStore,
  type Model,
  type ProjectGraph,
  type RecordedColumn,
  type SourceName,
  type TableVersion,
} from "./model.ts";

/** What the lineage domain is told of each new version. */
export interface LineageFacts {
  /** `models.<name>` */
  table: string;
  model: string;
  version: number;
  columns: RecordedColumn[];
  inputs: TableVersion[];
  /** What could not be followed, in words. */
  unresolved: string[];
}

/** What one build works with. */
export interface BuildSession {
  graph: ProjectGraph;
  lake: Lake;
  warehouse: Warehouse;
  buildStore: BuildStore;
  clock: Clock;
  /** A local folder for rows that are tested before they are committed. */
  scratchFolder: string;
  /** Columns of source tables that nothing has been written to yet, by `schema.table`. */
  sources: Record<string, ColumnType[]>;
  onLineage: (facts: LineageFacts) => Promise<void> | void;
  engine: string;
  catalog: BuildCatalog;
  /** What is read, each in one version for the whole build. */
  inputs: Map<string, Promise<Input>>;
  /** Records of the models that this build has looked at or made. */
  records: Map<string, BuildRecord>;
}

/** A table that models of this build read. `version` is undefined for a source that is still empty. */
export interface Input {
  table: string;
  version: number | undefined;
  identity: string;
  columns: ColumnType[];
  /** Views: their definition down to tables of the lake. */
  definition: string | undefined;
}

export async function openBuildSession(options: Omit<BuildSession, "engine" | "catalog" | "inputs" | "records">): Promise<BuildSession> {
  const [row] = await options.warehouse.rows("select version() as version");
  const catalog = await openBuildCatalog(options.warehouse);
  return { ...options, engine: String(row!["version"]), catalog, inputs: new Map(), records: new Map() };
}

/** All that a model's rows are made from, named in the catalog. */
export async function inputsOf(session: BuildSession, model: Model): Promise<Input[]> {
  return Promise.all([
    ...model.sources.map((name) => sourceInput(session, model, name)),
    ...model.refs.map((name) => modelInput(session, name, model)),
  ]);
}

export function inputVersion({ table, version, identity }: Input): InputVersion {
  return { table, version: version ?? 0, identity };
}

function sourceInput(session: BuildSession, model: Model, { schema, table }: SourceName): Promise<Input> {
  const name = `${schema}.${table}`;
  return once(session.inputs, name, async () => {
    if (await session.lake.exists(name)) {
      const { version, timestampMs, columns } = await session.lake.snapshot(name);
      await session.catalog.define(schema, table, `select * from ${await session.lake.relation(name, { version })}`);
      return { table: name, version, identity: `${version}:${timestampMs}`, columns, definition: undefined };
    }
    const columns = session.sources[name];
    if (columns === undefined) throw unknownSource(model, name, [...Object.keys(session.sources), ...(await session.lake.tables())]);
    await session.catalog.define(schema, table, emptyQuery(columns));
    return { table: name, version: undefined, identity: emptySource, columns, definition: `select * from (${emptyQuery(columns)})` };
  });
}

/** A model as the input of another: what this build made of it, or what stands of it. */
export function modelInput(session: BuildSession, name: string, reader: Model): Promise<Input> {
  return once(session.inputs, `${modelSchema}.${name}`, async () => {
    const record = session.records.get(name) ?? (await session.buildStore.get(name)).finished;
    if (record === undefined) {
      throw new AppError("not_found", `${reader.file}: the model \`${name}\`, which \`${reader.name}\` reads, has not been built.`, {
        hint: `Build it as well: select \`+${reader.name}\`.`,
      });
    }
    return offerRecord(session, record);
  });
}

/** Gives a built model its name in the catalog. */
export async function offerRecord(session: BuildSession, record: BuildRecord): Promise<Input> {
  await session.catalog.define(modelSchema, record.model, `select * from ${await relationOfRecord(session, record)}`);
  const { model, version, rowsSequence, columns, definition } = record;
  return { table: `${modelSchema}.${model}`, version, identity: `${version}:${rowsSequence}`, columns, definition };
}

/** One promise a key, so that what several models read is looked up once; a failure is not kept. */
function once<T>(memory: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const existing = memory.get(key);
  if (existing !== undefined) return existing;
  const made = make();
  memory.set(key, made);
  made.catch(() => memory.delete(key));
  return made;
}
