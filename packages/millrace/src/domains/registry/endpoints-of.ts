import { AppError } from "#kit/app-error";
import { getModel } from "./change-model.ts";
import type { RegistryServices } from "./model.ts";
import { resolve } from "./resolve.ts";

/** Endpoints as the registry has to know them. */
export interface EndpointsOf {
  reload(): Promise<void>;
  readonly endpoints: readonly { name: string; model: string }[];
  describe(name: string): Promise<{ version: number | null }>;
}

/** The endpoints that follow a model, by whichever of its names, and the version that each answers with, or would once opened; null for none. */
export async function followersOf(
  registry: RegistryServices,
  serving: EndpointsOf | undefined,
  model: string,
): Promise<{ name: string; follows: string; version: number | null }[]> {
  const found: Awaited<ReturnType<typeof followersOf>> = [];
  for (const { name, model: follows } of serving?.endpoints ?? []) {
    if ((await known(getModel(registry, follows.split("@")[0]!)))?.name !== model) continue;
    const pointed = (await known(resolve(registry, follows)))?.version;
    const { version: answering } = await serving!.describe(name); // whose endpoint it is
    // What the alias points at is what it answers with next, whatever it does now.
    const versions = [...new Set([pointed, answering ?? undefined])].filter((each) => each !== undefined);
    found.push(...(versions.length > 0 ? versions : [null]).map((version) => ({ name, follows, version })));
  }
  return found;
}

/** Undefined for what is not there. */
async function known<Value>(asked: Promise<Value>): Promise<Value | undefined> {
  return asked.catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  });
}
