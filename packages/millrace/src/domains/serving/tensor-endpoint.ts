import { AppError } from "#kit/app-error";
import type { Tensor, TensorModel } from "#ports/tensor-runtime";
import type { Endpoint } from "./define.ts";
import type { TensorVersion } from "./model-source.ts";
import { readModelFile } from "./served-model.ts";
import type { ServingServices } from "./services.ts";
import { saveVersions } from "./store.ts";
import type { Asked } from "./tensor-inputs.ts";

/** A version that was made outside Millrace, loaded and ready to be asked. */
export interface ServedTensors extends Asked {
  name: string;
  version: number;
  outputs: TensorModel["outputs"];
}

export interface TensorAnswer {
  served: ServedTensors;
  outputs: Record<string, Tensor>;
}

/** An endpoint at work whose model was made outside Millrace: it answers what it is asked over HTTP, and keeps no record of it. */
export interface TensorEndpoint {
  readonly definition: Endpoint;
  /** What answers now. */
  serving(): ServedTensors;
  /** False once it was closed: open it again. */
  usable(): boolean;
  /** Why the version that the alias names does not answer; undefined when it does. */
  problem(): string | undefined;
  /** Asks the version that answers, with the inputs made for it. Throws what `inputs` throws. */
  ask(inputs: (served: ServedTensors) => Record<string, Tensor>): Promise<TensorAnswer>;
  /** Looks where the alias points. Where that version cannot be loaded the old one stays, and `problem` says why. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

interface Loaded {
  source: TensorVersion;
  served: ServedTensors;
  model: TensorModel;
  /** Questions under way; it is let go after the last. */
  asked: number;
  retired: boolean;
}

/** Brings an endpoint to life whose alias names a version from elsewhere. Throws what loading the version throws. */
export async function openTensorEndpoint(services: ServingServices, definition: Endpoint, first: TensorVersion): Promise<TensorEndpoint> {
  const { state, clock, log, models } = services;
  let loaded = await load(services, first);
  let problem: string | undefined;
  let closed = false;
  let reloading = Promise.resolve();
  await note(first);

  return {
    definition,
    serving: () => loaded.served,
    usable: () => !closed,
    problem: () => problem,
    async ask(inputs) {
      if (closed) throw new AppError("unavailable", `Endpoint "${definition.name}" was closed.`, { hint: "Open it again." });
      const asked = loaded;
      const given = inputs(asked.served);
      asked.asked++;
      try {
        return { served: asked.served, outputs: await asked.model.run(given) };
      } finally {
        asked.asked--;
        release(asked);
      }
    },
    reload: () => (reloading = reloading.then(look)),
    async close() {
      closed = true;
      await reloading;
      retire(loaded);
    },
  };

  async function look(): Promise<void> {
    if (closed) return;
    try {
      const next = await models.tensors?.(definition.model);
      if (next === undefined) return; // one of Millrace's own: the desk opens the endpoint anew
      const { version, digest, name } = loaded.source;
      if (next.version === version && next.digest === digest && next.name === name) problem = undefined;
      else await swap(await load(services, next));
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
      log.error("the version behind an endpoint's alias cannot be loaded; the one before goes on", { endpoint: definition.name, problem });
    }
  }

  async function note({ name: model, version }: TensorVersion): Promise<void> {
    await saveVersions(state, definition.name, version, undefined, clock.now());
    await services.noteServing?.(definition.name, [{ model, version }]);
  }

  async function swap(next: Loaded): Promise<void> {
    const old = loaded;
    loaded = next;
    problem = undefined;
    retire(old);
    await note(next.source);
    log.info("an endpoint answers with another version", { endpoint: definition.name, version: next.source.version, previous: old.source.version });
  }
}

function retire(loaded: Loaded): void {
  loaded.retired = true;
  release(loaded);
}

function release(loaded: Loaded): void {
  if (loaded.retired && loaded.asked === 0) void loaded.model.close();
}

async function load({ blobs, tensorRuntime }: ServingServices, source: TensorVersion): Promise<Loaded> {
  const { name, version, signature } = source;
  const what = `${name} v${version}`;
  if (tensorRuntime === undefined)
    throw new AppError("unsupported", `Nothing here runs ${what}, which was made outside Millrace.`, { hint: "Serve it from a project's server." });
  const files = new Map<string, Uint8Array>();
  for (const [path, blob] of source.files) files.set(path, await readModelFile(blobs, what, blob));
  const model = await tensorRuntime.load({ main: source.main, files });
  const served: ServedTensors = { name, version, what, signature, inputs: model.inputs, outputs: model.outputs };
  return { source, served, model, asked: 0, retired: false };
}
