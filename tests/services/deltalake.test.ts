import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openLocalBlobs } from "../../packages/millrace/src/adapters/blob-store/local.ts";
import { openDuckdb } from "../../packages/millrace/src/adapters/warehouse/duckdb.ts";
import { openLake, type Lake } from "../../packages/millrace/src/domains/lake/index.ts";
import { systemClock } from "../../packages/millrace/src/kit/clock.ts";
import { silentLog } from "../../packages/millrace/src/kit/log.ts";
import type { Warehouse } from "../../packages/millrace/src/ports/warehouse.ts";
import { pythonJson, pythonWith } from "./python-venv.ts";

/** The reader and writer of Delta tables that is not ours: delta-rs. */
const packages = ["deltalake==1.6.6", "pyarrow==26.0.1"];

let python: string;
let folder: string;
let warehouse: Warehouse;
let lake: Lake;

beforeAll(async () => {
  python = await pythonWith(packages);
  folder = await mkdtemp(join(tmpdir(), "millrace-deltalake-"));
  warehouse = await openDuckdb({ threads: 2, memoryLimitMb: 300, temporaryFolder: join(folder, "spill") });
  lake = openLake({
    blobs: await openLocalBlobs({ folder: join(folder, "tables") }),
    warehouse,
    clock: systemClock,
    log: silentLog,
    scratchFolder: join(folder, "scratch"),
  });
}, 600_000);

afterAll(async () => {
  await warehouse.close();
  await rm(folder, { recursive: true });
});

/** Prints every version of a table: schema, protocol, and rows with values that JSON keeps exactly. */
const readVersions = `
import json, sys, datetime, decimal
from deltalake import DeltaTable
epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
def plain(value):
    if value is None or isinstance(value, bool): return value
    if isinstance(value, int): return str(value)
    if isinstance(value, float): return "NaN" if value != value else value
    if isinstance(value, decimal.Decimal): return str(value)
    if isinstance(value, datetime.datetime):
        micros = value.replace(tzinfo=value.tzinfo or datetime.timezone.utc) - epoch
        return str((micros.days * 86400 + micros.seconds) * 1000000 + micros.microseconds)
    if isinstance(value, datetime.date): return value.isoformat()
    if isinstance(value, bytes): return value.hex()
    if isinstance(value, dict): return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)): return [plain(item) for item in value]
    return str(value)
argument = json.loads(sys.argv[1])
newest = DeltaTable(argument["path"])
versions = []
for version in range(argument.get("first", 0), newest.version() + 1):
    table = DeltaTable(argument["path"], version=version)
    rows = table.to_pyarrow_table().to_pylist(maps_as_pydicts="strict")
    versions.append({"version": version, "rows": [{key: plain(value) for key, value in row.items()} for row in rows]})
fields = [[field.name, str(field.type)] for field in newest.schema().fields]
protocol = newest.protocol()
counts = {}
for name, op, value in argument.get("filters", []):
    if name == "dt": value = datetime.date.fromisoformat(value)
    if name == "ts": value = datetime.datetime.fromisoformat(value)
    counts[name + op] = newest.to_pyarrow_table(filters=[(name, op, value)]).num_rows
transactions = {app: newest.transaction_version(app) for app in argument.get("apps", [])}
operations = [entry.get("operation") for entry in newest.history()]
print(json.dumps({"versions": versions, "fields": fields, "protocol": [protocol.min_reader_version, protocol.min_writer_version], "counts": counts, "transactions": transactions, "operations": operations}))
`;

interface Versions {
  versions: { version: number; rows: Record<string, unknown>[] }[];
  fields: [string, string][];
  protocol: [number, number];
  counts: Record<string, number>;
  transactions: Record<string, number>;
  operations: string[];
}

async function readWithDeltalake(argument: { path: string; first?: number; filters?: unknown[]; apps?: string[] }): Promise<Versions> {
  return (await pythonJson(python, readVersions, argument)) as Versions; // as the script prints it
}

/** One version as we read it, with values in the same form. */
async function ourRows(table: string, version: number): Promise<Record<string, unknown>[]> {
  const { columns } = await lake.snapshot(table, { version });
  const exact = columns.map(({ name, type }) => {
    const quoted = `"${name}"`;
    if (type === "TIMESTAMP") return `epoch_us(${quoted})::varchar as ${quoted}`;
    if (type === "BLOB") return `lower(hex(${quoted})) as ${quoted}`;
    if (/^(TINYINT|SMALLINT|INTEGER|BIGINT|DECIMAL.*)$/.test(type)) return `${quoted}::varchar as ${quoted}`;
    if (/^(TINYINT|SMALLINT|INTEGER|BIGINT)\[\]$/.test(type)) return `${quoted}::varchar[] as ${quoted}`;
    if (/^STRUCT.*TIMESTAMP/.test(type))
      return `case when ${quoted} is not null then {'a': ${quoted}.a, 't': epoch_us(${quoted}.t)::varchar} end as ${quoted}`;
    if (type === "DOUBLE" || type === "FLOAT") return `${quoted}::double as ${quoted}`;
    return quoted;
  });
  const rows = await warehouse.rows(`select ${exact.join(", ")} from ${await lake.relation(table, { version })}`);
  return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number.isNaN(value) ? "NaN" : value])));
}

function sorted(rows: Record<string, unknown>[]): string[] {
  return rows.map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))).sort();
}

async function expectSameVersions(table: string, theirs: Versions): Promise<void> {
  for (const { version, rows } of theirs.versions) expect(sorted(await ourRows(table, version)), `version ${version}`).toEqual(sorted(rows));
}

/** Rows of every type, different ones for each seed. */
function mixedRows(seed: number, rows: number): string {
  return `select (${seed * 1000} + i)::bigint as k, case when i % 7 <> 0 then (i % 200 - 100)::tinyint end as tiny, (i * 37 % 30000)::smallint as small, i::integer as i,
      9007199254740993 + i as big, (i / 7)::float as f, case i % 11 when 0 then 'nan'::double when 1 then null else i / 7.0 end as d,
      ((i - 5) * 1.001)::decimal(20, 3) as "dec", case when i % 5 <> 0 then 'text ünï ' || (i % 13) else '' end as s, i % 2 = 0 as b,
      date '1969-12-25' + i::integer as dt, timestamp '1969-12-31 23:59:59.999999' + to_microseconds(i * 86400000001) as ts,
      case when i % 3 <> 0 then ('\\xAA'::blob || (i % 9)::varchar::blob) end as bl, case when i % 4 <> 0 then [i, null, i + 1]::integer[] end as l,
      case when i % 6 <> 0 then {'a': 'x' || i, 't': timestamp '2001-06-01 00:00:00.000001' + to_seconds(i)} end as st, map {'k' || i: i / 3.0::double} as m
    from range(${rows}) t(i)`;
}

test("every version that we write is read the same by deltalake: types, statistics, checkpoint, transactions", async () => {
  const path = join(folder, "tables", "ours", "mixed");
  for (let week = 0; week < 8; week++)
    await lake.append("ours.mixed", { sql: mixedRows(week, 40) }, { transaction: { appId: "weeks", version: week } });
  await lake.merge("ours.mixed", { sql: `${mixedRows(3, 60)} where i % 2 = 0`, key: ["k"] });
  await lake.append("ours.mixed", { sql: `select k + 100000 as k, 'added' as extra from (${mixedRows(9, 5)})` }, { addColumns: true });
  await lake.replace("ours.mixed", { sql: `select * from ${await lake.relation("ours.mixed", { version: 8 })} where k % 3 = 0` });
  await lake.append("ours.mixed", { sql: mixedRows(20, 300) });
  await lake.merge("ours.mixed", { sql: `${mixedRows(20, 10)} union all ${mixedRows(21, 10)}`, key: ["k", "s"] });
  const filters = [
    ["k", ">=", 20_050],
    ["tiny", "<", -50],
    ["dt", "=", "1970-02-01"],
    ["s", "=", ""],
    ["d", ">", 20],
    ["ts", ">=", "1970-05-01T00:00:00+00:00"],
  ];
  const theirs = await readWithDeltalake({ path, filters, apps: ["weeks", "others"] });

  expect(theirs.versions.map(({ version }) => version)).toEqual(Array.from({ length: 13 }, (_, version) => version));
  await expectSameVersions("ours.mixed", theirs);
  expect(theirs.protocol).toEqual([1, 2]);
  expect(theirs.transactions).toEqual({ weeks: 7, others: null });
  expect(theirs.operations).toEqual(["MERGE", "APPEND", "REPLACE", "APPEND", "MERGE", ...Array.from({ length: 8 }, () => "APPEND")]);
  expect(theirs.fields.find(([name]) => name === "ts")?.[1]).toContain('"timestamp"');
  const newest = await lake.relation("ours.mixed");
  const count = async (where: string) => Number((await warehouse.rows(`select count(*) n from ${newest} where ${where}`))[0]!["n"]);
  expect(theirs.counts).toEqual({
    "k>=": await count("k >= 20050"),
    "tiny<": await count("tiny < -50"),
    "dt=": await count("dt = date '1970-02-01'"),
    "s=": await count("s = ''"),
    "d>": await count("d > 20 and not isnan(d)"), // Arrow compares NaN with nothing, the engine takes it for the greatest number
    "ts>=": await count("ts >= timestamp '1970-05-01'"),
  });
}, 120_000);

test("deltalake reads our checkpoint when the log before it is gone", async () => {
  const path = join(folder, "from-checkpoint");
  await cp(join(folder, "tables", "ours", "mixed"), path, { recursive: true });
  const log = join(path, "_delta_log");
  expect(await readdir(log)).toContain("00000000000000000010.checkpoint.parquet");
  for (let version = 0; version < 10; version++) await rm(join(log, `${String(version).padStart(20, "0")}.json`));
  await rm(join(log, "00000000000000000010.json"));
  const theirs = await readWithDeltalake({ path, first: 11, apps: ["weeks"] });
  expect(theirs.versions).toHaveLength(2);
  await expectSameVersions("ours.mixed", theirs);
  expect(theirs.transactions).toEqual({ weeks: 7 });
}, 120_000);

const writeTable = `
import json, sys, datetime
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake, CommitProperties, Transaction
path = json.loads(sys.argv[1])["path"]
utc = datetime.timezone.utc
def rows(first, count):
    numbers = list(range(first, first + count))
    return pa.table({
        "k": pa.array(numbers, pa.int64()),
        "i": pa.array([n % 100 if n % 3 else None for n in numbers], pa.int32()),
        "d": pa.array([n / 7 for n in numbers], pa.float64()),
        "s": pa.array(["part %d/%% +" % (n % 3) if n % 4 else None for n in numbers]),
        "ts": pa.array([datetime.datetime(2001, 6, 1, 0, 0, 0, n, tzinfo=utc) for n in numbers], pa.timestamp("us", tz="UTC")),
        "dt": pa.array([datetime.date(2001, 1, 1 + n % 5) for n in numbers]),
        "l": pa.array([[n, n + 1] for n in numbers], pa.list_(pa.int64())),
    })
write_deltalake(path + "/plain", rows(0, 50))
write_deltalake(path + "/plain", rows(50, 50), mode="append", commit_properties=CommitProperties(app_transactions=[Transaction("theirs", 5)]))
DeltaTable(path + "/plain").delete("k % 10 = 3")
DeltaTable(path + "/plain").merge(rows(90, 20), "t.k = s.k", source_alias="s", target_alias="t").when_matched_update_all().when_not_matched_insert_all().execute()
DeltaTable(path + "/plain").create_checkpoint()
write_deltalake(path + "/plain", rows(200, 10), mode="overwrite")
write_deltalake(path + "/parts", rows(0, 60), partition_by=["dt", "s"])
write_deltalake(path + "/parts", rows(60, 60), mode="append")
naive = pa.table({"k": pa.array([1, 2], pa.int64()), "at": pa.array([datetime.datetime(2001, 6, 1, 12, 0, 0, 1), None], pa.timestamp("us"))})
write_deltalake(path + "/naive", naive)
protocol = DeltaTable(path + "/naive").protocol()
print(json.dumps({"plain": DeltaTable(path + "/plain").version(), "naive": [protocol.min_reader_version, protocol.min_writer_version]}))
`;

test("every version of tables that deltalake wrote is read the same by us: partitions, checkpoint, times without zone", async () => {
  const path = join(folder, "tables", "theirs");
  expect(await pythonJson(python, writeTable, { path })).toMatchObject({ plain: 4, naive: [3, 7] });
  for (const table of ["plain", "parts", "naive"]) {
    const theirs = await readWithDeltalake({ path: join(path, table) });
    expect(theirs.versions[0]!.rows.length).toBeGreaterThan(1);
    await expectSameVersions(`theirs.${table}`, theirs);
  }
  expect((await lake.snapshot("theirs.plain", { version: 3 })).transactions).toEqual({ theirs: 5 });
  expect(await lake.snapshot("theirs.parts")).toMatchObject({ rows: 120, partitionColumns: ["dt", "s"] });
  await expect(lake.append("theirs.naive", { sql: "select 1::bigint as k, now() as at" })).rejects.toMatchObject({ code: "unsupported" });
}, 120_000);

test("a table that deltalake wrote is written on by us, and both go on reading it", async () => {
  const path = join(folder, "tables", "theirs", "plain");
  const more = `select k, 7 as i, 0.5 as d, 'ours' as s, ts, dt, l from ${await lake.relation("theirs.plain", { version: 3 })} where k < 20`;
  await lake.append("theirs.plain", { sql: more.replace("0.5 as d", "0.5::double as d") }, { transaction: { appId: "theirs", version: 6 } });
  expect(await lake.append("theirs.plain", { sql: "select 1 as never" }, { transaction: { appId: "theirs", version: 5 } })).toMatchObject({
    skipped: true,
  });
  await lake.merge("theirs.plain", {
    sql: `select * replace ('merged' as s) from ${await lake.relation("theirs.plain")} where k in (1, 203)`,
    key: ["k"],
  });
  const theirs = await readWithDeltalake({ path, apps: ["theirs"] });
  expect(theirs.versions).toHaveLength(7);
  expect(theirs.transactions).toEqual({ theirs: 6 });
  await expectSameVersions("theirs.plain", theirs);

  // Up to our checkpoint of their table, which must keep what their log says.
  for (let version = 7; version <= 10; version++) await lake.append("theirs.plain", { sql: more.replace("0.5 as d", `${version}::double as d`) });
  const log = join(path, "_delta_log");
  for (const name of await readdir(log))
    if (/\.json$|^0+4\.checkpoint/.test(name) && !name.includes("checkpoint.json") && !/^0+10\.json/.test(name)) await rm(join(log, name));
  const late = await readWithDeltalake({ path, first: 10, apps: ["theirs"] });
  expect(late.versions).toMatchObject([{ version: 10 }]);
  expect(late.transactions).toEqual({ theirs: 6 });
  await expectSameVersions("theirs.plain", late);
}, 120_000);
