import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import type { Transaction } from "#ports/database";
import { renderCards } from "./card.ts";
import { type AliasChange, type AliasMove, aliasMoveSchema, type AliasReturn, aliasReturnSchema, type RegistryServices } from "./model.ts";
import { activeModel, aliasChanges, findAlias, findVersion, lockModel, type ModelRow, moveAlias } from "./store.ts";
import { tell } from "./tell.ts";
import { versionNotFound } from "./version-not-found.ts";

export interface AliasMoved {
  version: number;
  previous: number | undefined;
  /** False where the version held the alias already. */
  changed: boolean;
}

/**
 * Moves an alias to a version. With `expected`, only from that version: of two that race, one gets `conflict`. A version that holds
 * the alias already keeps it and nothing is written down, so the call may be retried.
 */
export async function setAlias(services: RegistryServices, move: AliasMove): Promise<AliasMoved> {
  const { state } = services;
  const { model: name, alias, version, actor, reason, gate, expected } = parseArgument(aliasMoveSchema, "alias", move);
  return state.write(async (transaction) => {
    const model = await lockModel(transaction, name);
    const previous = (await findAlias(transaction, model.id, alias))?.version;
    if (previous === version) return { version, previous, changed: false };
    checkExpected(name, alias, previous, expected);
    if ((await findVersion(transaction, model, version)) === undefined) throw versionNotFound(name, version);
    await change(services, transaction, model, { alias, kind: "set", version, previous, actor, reason, gate });
    return { version, previous, changed: true };
  });
}

/**
 * Gives an alias back to the version that held it before; again, to the one before that. Versions deleted since are passed over.
 * Throws `conflict` where none is left. Retry it with `expected`, so that it steps back once.
 */
export async function rollbackAlias(services: RegistryServices, move: AliasReturn): Promise<AliasMoved> {
  const { state } = services;
  const { model: name, alias, actor, reason, gate, expected } = parseArgument(aliasReturnSchema, "alias", move);
  return state.write(async (transaction) => {
    const model = await lockModel(transaction, name);
    const previous = (await findAlias(transaction, model.id, alias))?.version;
    if (previous === undefined) throw noAlias(name, alias);
    checkExpected(name, alias, previous, expected);
    const version = await earlierHolder(transaction, model, alias, previous);
    if (version === undefined)
      throw new AppError("conflict", `${name}@${alias} has no earlier version to go back to.`, { hint: "Set it to a version instead." });
    await change(services, transaction, model, { alias, kind: "rollback", version, previous, actor, reason, gate });
    return { version, previous, changed: true };
  });
}

/** Takes an alias away. Throws `not_found` where it is not set. */
export async function removeAlias(services: RegistryServices, move: AliasReturn): Promise<void> {
  const { state } = services;
  const { model: name, alias, actor, reason, gate, expected } = parseArgument(aliasReturnSchema, "alias", move);
  await state.write(async (transaction) => {
    const model = await lockModel(transaction, name);
    const previous = (await findAlias(transaction, model.id, alias))?.version;
    if (previous === undefined) throw noAlias(name, alias);
    checkExpected(name, alias, previous, expected);
    await change(services, transaction, model, { alias, kind: "remove", version: undefined, previous, actor, reason, gate });
  });
}

/** Who held an alias when, moved by whom and why; oldest first. Empty for an alias that never was. */
export async function aliasHistory({ state }: RegistryServices, { model, alias }: { model: string; alias: string }): Promise<AliasChange[]> {
  return aliasChanges(state, (await activeModel(state, model)).id, alias);
}

/** Who takes aliases away with what they hold, and why. */
export interface AliasLoss {
  actor: string;
  reason: string;
}

/** Takes aliases of a model away, within another change of it. */
export async function dropAliases(
  services: RegistryServices,
  transaction: Transaction,
  model: ModelRow,
  aliases: Record<string, number>,
  { actor, reason }: AliasLoss,
): Promise<void> {
  for (const [alias, previous] of Object.entries(aliases))
    await change(services, transaction, model, { alias, kind: "remove", version: undefined, previous, actor, reason, gate: undefined });
}

/** Moves an alias with all that hangs on it: its history, the cards of both versions, those who want to know. */
async function change(
  services: RegistryServices,
  transaction: Transaction,
  model: ModelRow,
  move: Omit<AliasChange, "fromMs" | "untilMs">,
): Promise<void> {
  const nowMs = services.clock.now();
  const { version, previous } = move;
  await moveAlias(transaction, model.id, { ...move, fromMs: nowMs });
  await renderCards(transaction, nowMs, model, [previous, version]);
  const event = version === undefined ? "alias.removed" : previous === undefined ? "alias.set" : "alias.moved";
  await tell(services, transaction, model, event, move);
}

/** Plays the moves as a stack: `set` puts a version on, `rollback` takes off down to the one it went back to. */
async function earlierHolder(transaction: Transaction, model: ModelRow, alias: string, current: number): Promise<number | undefined> {
  const stack: number[] = [];
  for (const change of await aliasChanges(transaction, model.id, alias)) {
    if (change.version === undefined) continue;
    if (change.kind === "rollback") while (stack.length > 0 && stack.at(-1) !== change.version) stack.pop();
    else stack.push(change.version);
  }
  while (stack.length > 0) {
    const version = stack.pop()!;
    if (version !== current && (await findVersion(transaction, model, version)) !== undefined) return version;
  }
  return undefined;
}

function checkExpected(model: string, alias: string, actual: number | undefined, expected: number | null | undefined): void {
  if (expected === undefined || (expected ?? undefined) === actual) return;
  const say = (version: number | null | undefined) => (version === null || version === undefined ? "unset" : `version ${version}`);
  throw new AppError("conflict", `${model}@${alias} is ${say(actual)}, not ${say(expected)}: it was moved meanwhile.`, {
    hint: "Look at the alias's history and decide again.",
    details: { actual: actual ?? null, expected },
  });
}

function noAlias(model: string, alias: string): AppError {
  return new AppError("not_found", `Model "${model}" has no alias "${alias}".`, { hint: `millrace models show ${model}` });
}
