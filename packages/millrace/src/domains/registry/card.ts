import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { sql } from "#kit/sql";
import { z } from "zod";
import type { Reader, Transaction } from "#ports/database";
import { cardFacts } from "./card-facts.ts";
import { type CardFacts, type CardSection, type Evidence, type ModelCard, sectionTitleSchema } from "./card-model.ts";
import { cardText } from "./card-text.ts";
import type { ModelVersion, RegistryServices } from "./model.ts";
import { activeModel, findVersion, lockModel, type ModelRow, versionsOf } from "./store.ts";
import { versionNotFound } from "./version-not-found.ts";

/** The card of a version, as it was rendered when its facts last changed. Throws `not_found`. */
export async function modelCard({ state, clock }: RegistryServices, name: string, version: number): Promise<ModelCard> {
  const model = await activeModel(state, name);
  const found = await findVersion(state, model, version);
  if (found === undefined) throw versionNotFound(name, version);
  const row = await findCard(state, model.id, version);
  if (row !== undefined) return parseCard(row);
  const facts = await cardFacts(state, model, found, {}); // a version from before there were cards
  return { facts, sections: [], markdown: cardText(facts, []), revision: 0, renderedMs: clock.now() };
}

const sectionSchema = z.object({ title: sectionTitleSchema, text: z.string().trim().max(50_000), actor: z.string().min(1).max(500) });

/** Writes a section of a version's card anew, or takes it away with an empty text. Later versions take it over. Throws `not_found`, `invalid_argument`. */
export async function writeSection(
  { state, clock }: RegistryServices,
  { model: name, version, ...section }: { model: string; version: number; title: string; text: string; actor: string },
): Promise<ModelCard> {
  const { title, text, actor } = parseArgument(sectionSchema, "section of the card", section);
  return state.write(async (transaction) => {
    const model = await lockModel(transaction, name);
    const found = await findVersion(transaction, model, version);
    if (found === undefined) throw versionNotFound(name, version);
    const row = await findCard(transaction, model.id, version);
    const standing = row === undefined ? [] : parse<CardSection[]>(row.sections);
    const at = standing.findIndex((each) => each.title.toLowerCase() === title.toLowerCase());
    if (at < 0 && standing.length >= 50)
      throw new AppError("invalid_argument", "A card has at most 50 sections.", { hint: "Write into one of those there are." });
    const made = text === "" ? [] : [{ title: standing[at]?.title ?? title, text, actor, atMs: clock.now(), version }];
    const sections = at < 0 ? [...standing, ...made] : standing.toSpliced(at, 1, ...made);
    return render(transaction, clock.now(), model, found, { sections });
  });
}

/** Renders the card of a version that was just made; it takes over what was written into the card of the one before. */
export async function makeCard(transaction: Transaction, nowMs: number, model: ModelRow, version: ModelVersion, evidence: Evidence): Promise<void> {
  const before = await transaction.get<{ sections: string }>(
    sql`select sections from registry_card where model = ${model.id} order by version desc limit 1`,
  );
  await render(transaction, nowMs, model, version, { evidence, sections: before === undefined ? [] : parse<CardSection[]>(before.sections) });
}

/** Renders cards anew after their facts changed; what people wrote into them stays. */
export async function renderCards(
  transaction: Transaction,
  nowMs: number,
  model: ModelRow,
  versions: (number | undefined)[] | "all",
  evidence?: Evidence,
): Promise<void> {
  const all = versions === "all" ? await versionsOf(transaction, model, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) : undefined;
  for (const number of all?.map(({ version }) => version) ?? new Set(versions as number[])) {
    const version = number === undefined ? undefined : await findVersion(transaction, model, number); // gone meanwhile: no card either
    if (version !== undefined) await render(transaction, nowMs, model, version, { ...(evidence && { evidence }) });
  }
}

async function render(
  transaction: Transaction,
  nowMs: number,
  model: ModelRow,
  version: ModelVersion,
  given: { evidence?: Evidence; sections?: CardSection[] },
): Promise<ModelCard> {
  const row = await findCard(transaction, model.id, version.version);
  const evidence = given.evidence ?? (row === undefined ? {} : parse<Evidence>(row.evidence));
  const sections = given.sections ?? (row === undefined ? [] : parse<CardSection[]>(row.sections));
  const facts = await cardFacts(transaction, model, version, evidence);
  const markdown = cardText(facts, sections);
  const revision = (row?.revision ?? 0) + 1;
  await transaction.run(sql`insert into registry_card (model, version, evidence, facts, sections, markdown, revision, rendered_ms)
    values (${model.id}, ${version.version}, ${JSON.stringify(evidence)}, ${JSON.stringify(facts)}, ${JSON.stringify(sections)}, ${markdown}, ${revision}, ${nowMs})
    on conflict (model, version) do update set evidence = excluded.evidence, facts = excluded.facts, sections = excluded.sections,
      markdown = excluded.markdown, revision = excluded.revision, rendered_ms = excluded.rendered_ms`);
  return { facts, sections, markdown, revision, renderedMs: nowMs };
}

interface CardRow {
  evidence: string;
  facts: string;
  sections: string;
  markdown: string;
  revision: number;
  rendered_ms: number;
}

async function findCard(reader: Reader, model: string, version: number): Promise<CardRow | undefined> {
  return reader.get<CardRow>(sql`select evidence, facts, sections, markdown, revision, rendered_ms from registry_card
    where model = ${model} and version = ${version}`);
}

function parseCard(row: CardRow): ModelCard {
  return {
    ...{ facts: parse<CardFacts>(row.facts), sections: parse<CardSection[]>(row.sections) },
    ...{ markdown: row.markdown, revision: row.revision, renderedMs: row.rendered_ms },
  };
}

// `Value` is what this file wrote into the column.
function parse<Value>(json: string): Value {
  return JSON.parse(json) as Value;
}
