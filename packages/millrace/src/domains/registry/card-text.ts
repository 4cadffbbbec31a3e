import { markdownLine as line, markdownQuote as quote } from "#kit/markdown-text";
import { askedSections, type CardFacts, type CardSection } from "./card-model.ts";

/** A card as Markdown. Every text that somebody wrote is escaped: it can neither pass for a part of the card nor carry HTML. */
export function cardText(facts: CardFacts, sections: CardSection[]): string {
  const { model, version } = facts;
  const titles = [...askedSections, ...sections.map(({ title }) => title).filter((title) => !askedSections.includes(title))];
  const parts = [
    `# ${line(model)}, version ${version}`,
    overview(facts),
    ...(facts.modelDescription === "" && facts.description === ""
      ? []
      : ["## Description", ...[facts.modelDescription, facts.description].filter((text) => text !== "").map(quote)]),
    ...titles.flatMap((title) => [
      `## ${line(title)}`,
      written(
        sections.find((section) => section.title === title),
        version,
      ),
    ]),
    "## Aliases",
    facts.aliases.length === 0
      ? "None."
      : table(
          ["Alias", "Since", "Given by", "Because"],
          facts.aliases.map(({ alias, sinceMs, actor, reason }) => [alias, day(sinceMs), actor, reason]),
        ),
    "## Signature",
    table(
      ["", "Name", "Type"],
      [
        ...facts.signature.inputs.map(({ name, type }) => ["input", name, type]),
        ...facts.signature.outputs.map(({ name, type }) => ["output", name, type]),
      ],
    ),
    "## Data",
    facts.data.length === 0
      ? "Not recorded."
      : table(
          ["Table", "Version", "Digest"],
          facts.data.map((data) => [data.table, String(data.version), data.digest ?? ""]),
        ),
    "## Metrics",
    Object.keys(facts.metrics).length === 0
      ? "Not recorded."
      : table(
          ["Metric", "Value"],
          Object.entries(facts.metrics).map(([name, value]) => [name, number(value)]),
        ),
    ...slices(facts),
    "## Gate",
    gate(facts),
    "## Training",
    training(facts),
    "## Lineage",
    lineage(facts),
    ...(Object.keys(facts.tags).length === 0 ? [] : ["## Tags", table(["Tag", "Value"], Object.entries(facts.tags))]),
  ];
  return `${parts.join("\n\n")}\n`;
}

function overview({ status, format, digest, files, createdMs, actor }: CardFacts): string {
  const size = files.count === 0 ? "elsewhere" : `${files.count}, ${files.sizeBytes.toLocaleString("en-US")} bytes`;
  return table(
    ["", ""],
    [
      ["Status", status],
      ["Format", format],
      ["Registered", `${time(createdMs)}${actor === null ? "" : ` by ${actor}`}`],
      ["Files", size],
      ["Digest", digest],
    ],
  );
}

function written(section: CardSection | undefined, version: number): string {
  if (section === undefined) return "Nobody has written this yet.";
  const forOther = section.version === version ? "" : ` for version ${section.version}`;
  return `${quote(section.text)}\n\nWritten by ${line(section.actor)}${forOther}, ${day(section.atMs)}.`;
}

function slices({ slices: all }: CardFacts): string[] {
  if (all.length === 0) return [];
  const metrics = [...new Set(all.flatMap((slice) => Object.keys(slice.metrics)))];
  const rows = all.map((slice) => [
    `${slice.column} = ${slice.level}`,
    String(slice.rows),
    ...metrics.map((name) => number(slice.metrics[name] ?? null)),
  ]);
  return ["## Slices", "The worst of each column.", table(["Slice", "Rows", ...metrics], rows)];
}

function gate({ gate: report }: CardFacts): string {
  if (report === null) return "No gate has judged this version.";
  const head = `${line(report.name)}: **${line(report.verdict) || "unknown"}**`;
  if (report.checks.length === 0) return report.summary === "" ? head : `${head}\n\n${quote(report.summary)}`;
  return `${head}\n\n${table(
    ["Check", "Status", "Because"],
    report.checks.map(({ check, status, reason }) => [check, status, reason]),
  )}`;
}

function training({ run }: CardFacts): string {
  if (run === null) return "Not recorded.";
  const commit = run.commit === undefined ? "" : `, commit ${line(run.commit)}${run.dirty === true ? " with changes that are not in it" : ""}`;
  const head = `Run ${line(run.id)} of experiment ${line(run.experiment)}, ${time(run.startedMs)}${commit}.`;
  return Object.keys(run.params).length === 0 ? head : `${head}\n\n${table(["Parameter", "Value"], Object.entries(run.params))}`;
}

function lineage({ model, version, run, data }: CardFacts): string {
  const from = data.map((each) => `${each.table}@${each.version}`).join(", ");
  return `${from === "" ? "unknown data" : line(from)} → ${run === null ? "no run" : `run ${line(run.id)}`} → ${line(`${model}@${version}`)}`;
}

function table(head: string[], rows: string[][]): string {
  const row = (cells: string[]) => `| ${cells.map((cell) => line(cell)).join(" | ")} |`;
  return [row(head), `|${head.map(() => " --- |").join("")}`, ...rows.map(row)].join("\n");
}

function number(value: number | null): string {
  return value === null ? "not a number" : String(Number(value.toPrecision(6)));
}

function time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
