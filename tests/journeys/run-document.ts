import { spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { copyExample } from "./example-copy.ts";

/** A fenced block of a page. */
export interface Block {
  language: string;
  text: string;
  /** Line of the page at which the text begins, from 1. */
  line: number;
}

const root = join(import.meta.dirname, "..", "..");

export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { language: string; line: number; lines: string[] } | undefined;
  markdown.split("\n").forEach((text, i) => {
    const fence = /^```(\S*)/.exec(text);
    if (!fence) open?.lines.push(text);
    else if (!open) open = { language: fence[1]!, line: i + 2, lines: [] };
    else {
      blocks.push({ language: open.language, line: open.line, text: open.lines.join("\n") });
      open = undefined;
    }
  });
  return blocks;
}

/**
 * What a block of code says about the file that its first line names (`// train.ts`, `-- models/flights.sql`): the pieces between
 * lines of `…`. Undefined for a block that names no file.
 */
export function quotedCode({ text }: Block): { file: string; pieces: string[] } | undefined {
  const [first, ...rest] = text.split("\n");
  const file = /^(?:\/\/|--) ([\w./-]+\.(?:ts|sql))$/.exec(first!)?.[1];
  if (file === undefined) return undefined;
  const pieces = rest.join("\n").split(/^\s*(?:\/\/|--)? ?…$\n?/m);
  return { file, pieces: pieces.map((piece) => piece.trim()).filter((piece) => piece !== "") };
}

/** A shell in a folder of its own, which keeps its variables and background jobs from block to block. */
export interface Session {
  /** Runs a block; resolves to its exit code and everything it printed. */
  run(script: string): Promise<{ code: number; output: string }>;
  /** Compares what a block printed with what the page shows, and learns which ids of the page stand for which of this run. */
  missing(shown: string, output: string): string[];
  close(): Promise<void>;
}

/** Opens a shell in a copy of the example; `npx millrace` is the one of this repository, and its server's port one that is free. */
export async function openSession(): Promise<Session> {
  const example = await copyExample();
  const port = String(await freePort());
  const binaries = join(root, "node_modules", ".bin");
  const own = join(example.folder, ".millrace-shell");
  const millrace = join(root, "packages", "millrace", "bin", "millrace.js");
  await mkdir(own);
  // A program that becomes Millrace, not a function of the shell that starts it: so `kill %1` ends the server itself.
  const npx = `#!/bin/sh\n[ "$1" = millrace ] || exit 127\nshift\nexec "${process.execPath}" "${millrace}" "$@"\n`;
  await writeFile(join(own, "npx"), npx, { mode: 0o755 });
  const shell = spawn("bash", ["--noprofile", "--norc"], {
    cwd: example.folder,
    stdio: ["pipe", "pipe", "inherit"],
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(MILLRACE_|NODE_OPTIONS$|VITEST|INIT_CWD$)/.test(name))),
      PATH: [own, binaries, process.env["PATH"]].join(delimiter),
      MILLRACE_PORT: port,
      NODE_OPTIONS: "--conditions=source", // packages of this repository as they are here, unbuilt
    },
  });
  shell.stdin.write("exec 2>&1\n");
  let printed = "";
  let look = () => undefined as void;
  shell.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
    look();
  });
  const ended = new Promise<void>((resolve) => shell.once("exit", () => resolve()));
  const ids = new Map<string, string>();
  let blocks = 0;
  return {
    run(script) {
      const mark = `@@end of block ${++blocks}: `;
      const actual = [...ids].reduce((text, [shown, id]) => text.replaceAll(shown, id), script).replaceAll("127.0.0.1:4040", `127.0.0.1:${port}`);
      printed = "";
      shell.stdin.write(`{\n${actual}\n} </dev/null\nprintf '\\n%s%s\\n' '${mark}' "$?"\n`);
      return new Promise((resolve, reject) => {
        void ended.then(() => reject(new Error(`The shell ended in: ${script}\n${printed}`)));
        look = () => {
          const at = printed.indexOf(mark);
          const code = at < 0 ? undefined : /^(\d+)\n/.exec(printed.slice(at + mark.length))?.[1];
          if (code !== undefined) resolve({ code: Number(code), output: printed.slice(0, at) });
        };
      });
    },
    missing: (shown, output) => missingLines(shown, output, ids),
    async close() {
      shell.stdin.end("kill $(jobs -p) 2>/dev/null; wait\nexit\n");
      await ended;
      await example.remove();
    },
  };
}

/** Reads a page of this repository. */
export function readPage(page: string): Promise<string> {
  return readFile(join(root, page), "utf8");
}

/** Reads a file that a page may quote: of the example, or of the repository. */
export async function readQuoted(file: string): Promise<string> {
  return readFile(join(root, "examples", "flight-delays", file), "utf8").catch(() => readFile(join(root, file), "utf8"));
}

const idPattern = /[0-7][0-9A-HJKMNP-TV-Z]{25}/g;

/**
 * Lines that a page shows and that were not printed in that order. Times, measured values (decimals), digests and ids differ from run to
 * run; `…` stands for anything; lines may be left out.
 */
function missingLines(shown: string, output: string, ids: Map<string, string>): string[] {
  const lines = output.split("\n");
  let at = 0;
  const missing: string[] = [];
  for (const line of shown.split("\n")) {
    if (line.trim() === "" || line.trim() === "…") continue;
    const pattern = patternOf(line);
    const found = lines.findIndex((candidate, i) => i >= at && pattern.test(plain(candidate)));
    if (found < 0) {
      missing.push(line);
      continue;
    }
    const actual = lines[found]!.match(idPattern) ?? [];
    (line.match(idPattern) ?? []).forEach((id, i) => actual[i] !== undefined && !ids.has(id) && ids.set(id, actual[i]));
    at = found + 1;
  }
  return missing;
}

function patternOf(line: string): RegExp {
  const parts = plain(line).split("…");
  return new RegExp(`^${parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join(".*")}$`);
}

/** A line without what differs from run to run. */
function plain(line: string): string {
  return line
    .replaceAll(idPattern, "ID")
    .replaceAll(/\b[0-9a-f]{12,64}\b/g, "DIGEST")
    .replaceAll(/=\d+(\.\d+)?\b/g, "=#")
    .replaceAll(/-?\b\d+\.\d+(e-?\d+)?\b/g, "#")
    .replaceAll(/\b\d+ (s|ms|MB)\b/g, "# $1")
    .replaceAll(/127\.0\.0\.1:\d+/g, "ADDRESS")
    .replaceAll("# s", "#s")
    .replaceAll(/\s+/g, " ")
    .trim();
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo; // listening on an address, not on a pipe
      server.close(() => resolve(port));
    });
  });
}
