import { counted, sizeText } from "./doctor-check.ts";
import type { Terminal } from "./command-line.ts";

/** What became, or would become, of a file: `new` at the other side, in place of other content there, or the same as what stands there. */
export interface FileMove {
  path: string;
  sizeBytes: number;
  state: "new" | "replaced" | "same";
}

export interface FileReport {
  dryRun: boolean;
  run: string;
  from: string;
  to: string;
  /** By path. */
  files: FileMove[];
  /** What is no file, and stayed where it is. */
  leftOut: { path: string; why: string }[];
}

const filesShown = 20;

/** A report for people: what moved, what was there, what stayed, and where. */
export function fileReportText({ dryRun, from, to, files, leftOut }: FileReport): string {
  const moved = files.filter(({ state }) => state !== "same");
  const replaced = files.filter(({ state }) => state === "replaced").length;
  const facts = [
    ...(files.length > moved.length ? [`${(files.length - moved.length).toLocaleString("en-US")} the same there already`] : []),
    ...(replaced > 0 ? [`${replaced.toLocaleString("en-US")} in place of others`] : []),
  ];
  return [
    `${dryRun ? "A dry run: nothing is written. " : ""}${counted(moved.length, "file")}, ${sizeText(bytesOf(moved))}, from ${from} to ${to}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}.`,
    ...(dryRun ? moved.slice(0, filesShown).map(({ path, sizeBytes, state }) => `  ${state}  ${path}  ${sizeText(sizeBytes)}`) : []),
    ...(dryRun && moved.length > filesShown ? [`  … and ${(moved.length - filesShown).toLocaleString("en-US")} more: --json has them all.`] : []),
    ...leftOut.slice(0, filesShown).map(({ path, why }) => `Left out: ${path}, ${why}.`),
    ...(leftOut.length > filesShown ? [`Left out: ${counted(leftOut.length - filesShown, "other")}: --json has them all.`] : []),
  ].join("\n");
}

/** Tells on a terminal how far the moving of these files is. */
export function fileProgress(files: FileMove[], terminal: Pick<Terminal, "progress">) {
  const [total, bytes] = [counted(files.length, "file"), sizeText(bytesOf(files))];
  const done = { files: 0, bytes: 0 };
  let told = 0;
  const tell = (path: string) => terminal.progress(`${done.files} of ${total}, ${sizeText(done.bytes)} of ${bytes}  ${path}`);
  return {
    /** The same bytes, counted as they pass. */
    async *passing(path: string, stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of stream) {
        done.bytes += chunk.length;
        if (Date.now() - told > 100) {
          told = Date.now(); // the eye sees no more
          tell(path);
        }
        yield chunk;
      }
      done.files += 1;
      tell(path);
    },
  };
}

function bytesOf(files: FileMove[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
