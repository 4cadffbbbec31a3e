import { type KnownElsewhere, type ModelCondition, modelNames, type RegistryServices, type VersionCondition } from "#domains/registry";
import { AppError } from "#kit/app-error";
import type { Clause, OrderField } from "./filter.ts";
import { matches, type Searchable } from "./match.ts";
import { invalid } from "./protocol.ts";
import { sourceCondition } from "./source-condition.ts";

const promptTag = "mlflow.prompt.is_prompt";

/** More names than this are not passed to the database. */
const mostNames = 1_000;

/** Prompts are models with a tag, and only found by it. Models without the tag are no prompts. */
export function matchesModel(model: Searchable, clauses: Clause[]): boolean {
  const aboutPrompts = clauses.filter(isAboutPrompts);
  const asTagged = { ...model, tags: { [promptTag]: "false", ...model.tags } };
  if (!matches(asTagged, aboutPrompts)) return false;
  if (aboutPrompts.length === 0 && asTagged.tags[promptTag] === "true") return false;
  return matches(
    model,
    clauses.filter((clause) => !aboutPrompts.includes(clause)),
  );
}

/** What of a filter for models the registry can answer by itself; `exact` if that is all of it, otherwise `matchesModel` decides among the found. */
export async function modelConditions(registry: RegistryServices, clauses: Clause[]): Promise<{ where: ModelCondition[]; exact: boolean }> {
  const nameAsked = await namesOf(registry, clauses);
  return conditions(clauses, (clause): Asked<ModelCondition> => (isName(clause) ? nameAsked(clause) : tagAsked(clause)));
}

/** As `modelConditions`, for a filter for versions. */
export async function versionConditions(registry: RegistryServices, clauses: Clause[]): Promise<{ where: VersionCondition[]; exact: boolean }> {
  const nameAsked = await namesOf(registry, clauses);
  const sources = new Map<Clause, Asked<KnownElsewhere>>();
  for (const clause of clauses) if (clause.key === "source_path") sources.set(clause, await sourceAsked(registry, clause));
  return conditions(clauses, (clause): Asked<VersionCondition> => {
    if (isName(clause)) {
      const asked = nameAsked(clause);
      return asked && { condition: { models: asked.condition.names }, exact: true };
    }
    if (clause.entity !== "attribute") return tagAsked(clause);
    if (clause.key === "run_id") return runsAsked(clause);
    if (clause.key === "source_path") return sources.get(clause);
    return clause.key === "version_number" ? numberAsked(clause) : undefined;
  });
}

/** What a page is ordered by. MLflow orders by no tags. */
export function orderTerms<Field extends string>(
  order: OrderField[],
  fields: Record<string, Field>,
): { by: Field; direction: OrderField["direction"] }[] {
  return order.map(({ entity, key, direction }, i) => {
    const by = entity === "attribute" && Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (by === undefined) {
      const keys = Object.keys(fields).map((each) => `'${each}'`);
      throw invalid(`Invalid order by key '${key}' specified. Valid keys are {${keys.join(", ")}}`);
    }
    if (order.slice(0, i).some((before) => before.entity === "attribute" && fields[before.key] === by))
      throw invalid(`\`order_by\` contains duplicate fields: [${order.map((term) => `'${term.key} ${term.direction}'`).join(", ")}]`);
    return { by, direction };
  });
}

/** Says in MLflow's words that a token is none of a page of this list. */
export function refuseToken(error: unknown): never {
  if (error instanceof AppError && error.code === "invalid_argument") throw invalid("Invalid page token, could not base64-decode");
  throw error;
}

/** A condition that everything meets of which the clause holds; `exact` if the clause holds of all that meet it, too. */
type Asked<Condition> = { condition: Condition; exact: boolean } | undefined;

function conditions<Condition>(
  clauses: Clause[],
  ask: (clause: Clause) => Asked<Condition>,
): { where: (Condition | { withoutTag: string; is: string })[]; exact: boolean } {
  const asked = clauses.map(ask);
  const noPrompts = clauses.some(isAboutPrompts) ? [] : [{ withoutTag: promptTag, is: "true" }];
  return { where: [...asked.flatMap((each) => each?.condition ?? []), ...noPrompts], exact: asked.every((each) => each?.exact === true) };
}

function tagAsked(clause: Clause): Asked<{ tag: string; is?: string } | { tag: string; isNot: string } | { withoutTag: string; is: string }> {
  const { entity, key: tag, op, value } = clause;
  if (entity !== "tag" || typeof value !== "string") return undefined;
  if (isAboutPrompts(clause)) {
    if (value !== "true") return undefined;
    if (op === "=") return { condition: { tag, is: value }, exact: true };
    return op === "!=" ? { condition: { withoutTag: tag, is: value }, exact: true } : undefined;
  }
  if (op === "=") return { condition: { tag, is: value }, exact: true };
  if (op === "!=") return { condition: { tag, isNot: value }, exact: true };
  return { condition: { tag }, exact: false };
}

/** Looks through the names of all models for those that clauses do not list but describe; they are passed on unless they are many. */
async function namesOf(
  registry: RegistryServices,
  clauses: Clause[],
): Promise<(clause: Clause) => { condition: { names: string[] }; exact: boolean } | undefined> {
  const listing = ({ op, value }: Clause) => listed(op, value);
  const describing = clauses.filter((clause) => isName(clause) && listing(clause) === undefined);
  const meeting =
    describing.length === 0 ? [] : (await modelNames(registry)).filter((name) => matches({ attributes: { name }, tags: {} }, describing));
  return (clause) => {
    const names = listing(clause) ?? (meeting.length <= mostNames ? meeting : undefined);
    return names && { condition: { names }, exact: true };
  };
}

function runsAsked({ op, value }: Clause): Asked<{ runs: string[] }> {
  const runs = listed(op, value);
  return runs && { condition: { runs }, exact: true };
}

function listed(op: Clause["op"], value: Clause["value"]): string[] | undefined {
  const list = op === "=" && typeof value === "string" ? [value] : op === "IN" && Array.isArray(value) ? value : undefined;
  return list === undefined || list.length > mostNames ? undefined : list.filter((each) => !each.includes("\0")); // nothing has such a name
}

/** Versions from elsewhere in Millrace have no source in a table, so each that is found is looked at. */
async function sourceAsked({ state }: RegistryServices, { op, value }: Clause): Promise<Asked<KnownElsewhere>> {
  const condition = typeof value === "string" ? await sourceCondition(state, op, value) : undefined;
  return condition && { condition, exact: false };
}

function numberAsked({ op, value }: Clause): Asked<Extract<VersionCondition, { number: number }>> {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) return undefined;
  switch (op) {
    case "=":
    case "!=":
    case ">":
    case ">=":
    case "<":
    case "<=":
      return { condition: { number: value, op }, exact: true };
    default:
      return undefined;
  }
}

function isName({ entity, key }: Clause): boolean {
  return entity === "attribute" && key === "name";
}

function isAboutPrompts({ entity, key }: Clause): boolean {
  return entity === "tag" && key === promptTag;
}
