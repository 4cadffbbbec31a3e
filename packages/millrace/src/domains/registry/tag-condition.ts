import { type Sql, sql } from "#kit/sql";
import { indexed } from "./tag-rows.ts";

/** What a search asks of the tags of a thing; exact. */
export type TagCondition =
  /** Has the tag, with this value where one is given. */
  | { tag: string; is?: string }
  /** Has the tag, with another value. */
  | { tag: string; isNot: string }
  /** Has no tag of this name and value. */
  | { withoutTag: string; is: string };

/** The condition on rows `t` of the index of tags. */
export function tagTest(condition: TagCondition): Sql {
  const name = indexed("tag" in condition ? condition.tag : condition.withoutTag);
  if ("isNot" in condition) return sql`t.tag = ${name} and t.value <> ${indexed(condition.isNot)}`;
  return condition.is === undefined ? sql`t.tag = ${name}` : sql`t.tag = ${name} and t.value = ${indexed(condition.is)}`;
}

/** The condition on a version `v`. */
export function versionHasTag(condition: TagCondition): Sql {
  const found = sql`exists (select 1 from registry_tag t where t.model = v.model and t.version = v.version and ${tagTest(condition)})`;
  return "withoutTag" in condition ? sql`not ${found}` : found;
}

/** The condition on a model `m`. */
export function modelHasTag(condition: TagCondition): Sql {
  const found = sql`m.id in (select t.model from registry_tag t where ${tagTest(condition)} and t.version = 0)`;
  return "withoutTag" in condition ? sql`not ${found}` : found;
}
