// The table of the README, made from `bench/results/`: `node bench/measured-table.ts` writes it, a test compares it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const begin = "<!-- Made by `node bench/measured-table.ts`; do not edit. -->\n";
const end = "<!-- End of the measured table. -->";

interface Results {
  date: string;
  machine: { cpu: string; cores: number; node: string };
  conditions?: string;
  note?: string;
}

type Measured = Record<string, string | number | undefined> & { what: string };

/** The README with its table as `bench/results/` has it now. */
export function withMeasuredTable(readme: string): string {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error("README.md has lost the marks around its measured table.");
  return readme.slice(0, from) + begin + measuredTable() + readme.slice(to);
}

/** Rows whose measurement is not there are left out. */
function measuredTable(): string {
  const lines = [...trees(), ...pointInTime(), ...log(), ...stream(), ...demo()];
  return [
    "| | Millrace | Beside it |",
    "| --- | --- | --- |",
    ...lines.map((cells) => `| ${cells.join(" | ")} |`),
    "",
    ...notes(["trees", "point-in-time-full", "log", "stream", "demo"]),
    "",
  ].join("\n");
}

function trees(): string[][] {
  const rows = rowsOf("trees", "results");
  return rows
    .filter(({ what }) => what === "Millrace")
    .flatMap((ours) => {
      const other = rows.find(({ what, threads }) => what === "LightGBM" && threads === ours["threads"]);
      if (!other) return [];
      const threads = ours["threads"] === 1 ? "1 thread" : `${ours["threads"]} threads`;
      const difference = (Number(ours["auc"]) - Number(other["auc"])).toFixed(5);
      return [
        [
          `Train 100 trees on 1,000,000 rows × 15 columns, ${threads}`,
          `${ours["seconds"]} s, AUC ${ours["auc"]}`,
          `LightGBM ${other["seconds"]} s, AUC ${other["auc"]} (difference ${difference})`,
        ],
      ];
    });
}

function pointInTime(): string[][] {
  const rows = rowsOf("point-in-time-full", "results");
  const ours = rows.find(({ what }) => what === "Millrace: join");
  const other = rows.find(({ what }) => what.startsWith("DuckDB"));
  const different = read("point-in-time-full")?.["valuesDifferent"];
  if (!ours || !other) return [];
  return [
    [
      "Point-in-time join, 3,000,000 rows × 24 window features",
      `${ours["seconds"]} s`,
      `DuckDB, running sums + ASOF joins: ${other["seconds"]} s (${String(different)} values differ)`,
    ],
  ];
}

function log(): string[][] {
  const rows = rowsOf("log", "rows");
  return [
    ["4096", "batches of 4096, 1 in flight"],
    ["256", "batches of 256, 1 in flight"],
  ].flatMap(([size, what]) => {
    const ours = rows.find((row) => row.what === what);
    const other = rows.find((row) => row.what === `SQLite baseline, batches of ${size}`);
    if (!ours || !other) return [];
    return [
      [
        `Durable appends to the log, batches of ${size}`,
        perSecond(ours["recordsPerSecond"], "records"),
        `SQLite ${perSecond(other["recordsPerSecond"], "records")}`,
      ],
    ];
  });
}

function stream(): string[][] {
  const answered = rowsOf("stream", "rows").find(({ what }) => what === "answer, one version");
  return answered ? [["Stream end to end: features, 100 trees, answers and positions durable", perSecond(answered["events/s"], "events"), ""]] : [];
}

/** As `bench/demo` writes them. */
interface DemoRun {
  seconds: number;
  treeMemoryMb: number;
  auc: number | null;
}

function demo(): string[][] {
  const { first, second } = (read("demo") ?? {}) as { first?: DemoRun; second?: DemoRun }; // as above
  const took = ({ seconds, treeMemoryMb }: DemoRun) => `${seconds.toFixed(1)} s, ${Math.round(treeMemoryMb).toLocaleString("en-US")} MB at the most`;
  return [
    ...(first ? [["`npm run demo`, from nothing", took(first), ""]] : []),
    ...(second ? [["`npm run demo` again, from the cache", took(second), ""]] : []),
    ...(first?.auc ? [["The example's first champion on all of June, without retraining", `AUC ${first.auc.toFixed(4)}`, ""]] : []),
  ];
}

/** One line for what all measurements share, one for each of them. */
function notes(names: string[]): string[] {
  const measured = names.flatMap((name) => {
    const results = read(name);
    return results ? [{ name, ...results }] : [];
  });
  const machines = new Set(measured.map(({ machine }) => `${machine.cpu}, ${machine.cores} cores, Node ${machine.node.replace("v", "")}`));
  return [
    `On ${[...machines].join("; ")}. \`npm run bench\` measures again.`,
    "",
    ...measured.map(({ name, date, conditions, note }) => `- \`bench/results/${name}.json\`, ${date.slice(0, 10)}: ${String(conditions ?? note)}.`),
  ];
}

function perSecond(value: unknown, unit: string): string {
  return `${Number(value).toLocaleString("en-US")} ${unit}/s`;
}

function rowsOf(name: string, field: string): Measured[] {
  return (read(name)?.[field] ?? []) as Measured[]; // written by the benchmarks of this folder
}

function read(name: string): (Results & Record<string, unknown>) | undefined {
  const file = join(root, "bench", "results", `${name}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Results & Record<string, unknown>) : undefined; // as above
}

if (import.meta.main) {
  const readme = join(root, "README.md");
  writeFileSync(readme, withMeasuredTable(readFileSync(readme, "utf8")));
}
