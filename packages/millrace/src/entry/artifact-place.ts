import { createHash } from "node:crypto";
import { holderOf, loadConfig } from "#domains/project";
import { checkArtifactPath, getArtifact, listArtifacts, logArtifact, readArtifact, type TrackingServices } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { answers, openAsked } from "./ask-server.ts";
import { textOption, type CommandContext } from "./command.ts";
import { usage } from "./command-line.ts";
import { openProject } from "./open-project.ts";

/** A file or folder of a run; a file's digest is SHA-256, and not known yet of some that went to a bucket directly. */
export interface ArtifactEntry {
  path: string;
  folder: boolean;
  sizeBytes: number;
  digest?: string | undefined;
}

/** A run's artifacts, in this process or behind a server. */
export interface ArtifactPlace {
  /** What stands at a path. Throws `not_found`. */
  at(path: string): Promise<ArtifactEntry>;
  /** What is directly in a folder (`""` is the top), by name, behind a name; a page of it. Empty where there is none. */
  page(folder: string, after: string): Promise<ArtifactEntry[]>;
  read(path: string): Promise<AsyncIterable<Uint8Array>>;
  /** Stores a file, durable when resolved; gives its digest as the other side has it. */
  write(path: string, bytes: AsyncIterable<Uint8Array>): Promise<{ digest?: string | undefined }>;
}

const pageSize = 1_000;

/**
 * The artifacts of a run: of the server that is named; to write, of the process that holds the project, if one serves it; else of the
 * project itself.
 */
export async function openArtifactPlace(
  context: CommandContext,
  { run, writes, purpose }: { run: string; writes: boolean; purpose: string },
): Promise<ArtifactPlace & { close(): Promise<void> }> {
  const { environment, folder, signal } = context;
  const address = serverNamed(context) ?? (writes ? await holderServing(folder, environment) : undefined);
  if (address !== undefined) {
    return { ...placeAt(address, { run, token: environment["MILLRACE_TOKEN"], signal }), close: async () => undefined };
  }
  const project = await openProject({ ...context, readOnly: !writes, withoutDefinitions: true, purpose });
  const { tracking, scratchFolder } = project.services;
  return { ...placeHere(tracking, { run, scratchFolder }), close: () => project.close() };
}

/** All files at a path (`""` is everything): the one there, or those below the folder, by name. Throws `not_found` where there is nothing. */
export async function* filesAt(place: ArtifactPlace, path: string): AsyncGenerator<ArtifactEntry> {
  const entry = path === "" ? undefined : await place.at(checkArtifactPath(path));
  if (entry?.folder === false) return yield entry;
  const folders = [path];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const inside: string[] = [];
    for await (const each of entriesOf(place, folder)) {
      if (each.path !== (folder === "" ? "" : `${folder}/`) + each.path.split("/").at(-1)) throw astray(folder, each.path);
      checkArtifactPath(each.path);
      if (each.folder) inside.push(each.path);
      else yield each;
    }
    folders.push(...inside.reverse());
  }
}

export async function* entriesOf(place: ArtifactPlace, folder: string): AsyncGenerator<ArtifactEntry> {
  for (let after = ""; ;) {
    const page = await place.page(folder, after);
    yield* page;
    if (page.length < pageSize) return;
    after = page.at(-1)!.path.split("/").at(-1)!; // a full page has a last one
  }
}

/** Whatever is at the other side, its names lead nowhere but below what was asked for. */
function astray(folder: string, path: string): AppError {
  return new AppError("corrupt_data", `The list of "${folder}" names "${path}", which is not in it.`, { hint: "Is this a Millrace server?" });
}

/** Digests bytes on their way. */
export function digested(bytes: AsyncIterable<Uint8Array>): { bytes: AsyncIterable<Uint8Array>; digest: () => string } {
  const hash = createHash("sha256");
  const passing = async function* () {
    for await (const chunk of bytes) {
      hash.update(chunk);
      yield chunk;
    }
  };
  return { bytes: passing(), digest: () => hash.digest("hex") };
}

function placeHere(tracking: TrackingServices, { run, scratchFolder }: { run: string; scratchFolder: string }): ArtifactPlace {
  const entry = ({ path, content, sizeBytes, digest }: Awaited<ReturnType<typeof getArtifact>>): ArtifactEntry => ({
    ...{ path, folder: content === undefined, sizeBytes, digest },
  });
  return {
    at: async (path) => entry(await getArtifact(tracking, { run, path })),
    page: async (folder, after) => (await listArtifacts(tracking, { run, folder, after, limit: pageSize })).map(entry),
    read: async (path) => (await readArtifact(tracking, { run, path })).bytes,
    write: (path, stream) => logArtifact(tracking, { run, path, data: { stream, scratchFolder } }),
  };
}

function placeAt(address: string, { run, ...caller }: { run: string; token: string | undefined; signal: AbortSignal }): ArtifactPlace {
  const ask = openAsked(address, caller);
  const above = `/api/runs/${encodeURIComponent(run)}`;
  const query = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
  const file = (path: string) => `${above}/files/${path.split("/").map(encodeURIComponent).join("/")}`;
  return {
    at: async (path) => (await (await ask("GET", `${above}/artifacts/info?${query({ path })}`)).json()) as ArtifactEntry, // our own routes' answers
    async page(folder, after) {
      const answer = await ask("GET", `${above}/artifacts?${query({ folder, after, limit: String(pageSize) })}`);
      return ((await answer.json()) as { artifacts: ArtifactEntry[] }).artifacts; // as above
    },
    async read(path) {
      const { body } = await ask("GET", file(path));
      if (body === null) throw new AppError("unavailable", `${address} answered "${path}" without a body.`, { hint: "Try again." });
      return body;
    },
    write: async (path, bytes) => (await (await ask("PUT", file(path), bytes)).json()) as ArtifactEntry, // as above
  };
}

function serverNamed(context: CommandContext): string | undefined {
  const named = textOption(context, "server") ?? context.environment["MILLRACE_SERVER"];
  if (named !== undefined && (!/^https?:\/\//.test(named) || !URL.canParse(named)))
    throw usage(`--server is "${named}", which is no address.`, "Write --server http://127.0.0.1:4040");
  return named?.replace(/\/+$/, "");
}

async function holderServing(folder: string, environment: CommandContext["environment"]): Promise<string | undefined> {
  const address = holderOf((await loadConfig(folder, environment)).home)?.address;
  return address !== undefined && (await answers(address)) ? address : undefined;
}
