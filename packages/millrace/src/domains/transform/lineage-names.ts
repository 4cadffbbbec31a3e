import { emptyFlow, mergeFlows, type Flow, type FlowScope, type LineageContext, type RelationFlow, type SourceFlow } from "./lineage-flow.ts";

/** Words that stand alone like a column but are functions of the engine, and the row's own number. */
const valueFunctions = new Set(
  "current_catalog current_date current_schema current_role current_time current_timestamp current_user localtime localtimestamp session_user user rowid".split(
    " ",
  ),
);

/** The flow of a column reference such as `a`, `t.a`, `schema.t.a`, or a field of a struct `a.field`, looked up from the inside out. */
export function resolveColumn(names: string[], scope: FlowScope, context: LineageContext): Flow {
  for (let inner: FlowScope | undefined = scope; inner !== undefined; inner = inner.outer) {
    if (inner.parameters.has(names[0]!.toLowerCase())) return emptyFlow();
    const found = resolveIn(names, inner, context);
    if (found !== undefined) return found;
  }
  if (names.length === 1 && valueFunctions.has(names[0]!.toLowerCase())) return emptyFlow();
  context.unresolved.add(`The column \`${names.join(".")}\` was not found in any table in reach.`);
  return emptyFlow();
}

function resolveIn(names: string[], scope: FlowScope, context: LineageContext): Flow | undefined {
  const alias = names.length === 1 ? scope.aliases.get(names[0]!.toLowerCase()) : undefined;
  if (scope.aliasesFirst && alias !== undefined) return alias;
  return (
    qualified(names, scope.source) ??
    plain(names[0]!, scope.source) ??
    alias ??
    scope.aliases.get(names[0]!.toLowerCase()) ??
    wholeRow(names, scope.source) ??
    unlisted(names, scope.source, context)
  );
}

/** `t.a` and longer; what follows the column is a field of a struct. */
function qualified(names: string[], source: SourceFlow): Flow | undefined {
  for (let length = names.length - 1; length >= 1; length--) {
    const relation = relationNamed(source, names.slice(0, length));
    const flow = relation === undefined ? undefined : (columnOf(relation, names[length]!) ?? relation.other?.(names[length]!));
    if (flow !== undefined) return flow;
  }
  return undefined;
}

export function relationNamed(source: SourceFlow, qualifier: string[]): RelationFlow | undefined {
  const wanted = qualifier.map((name) => name.toLowerCase());
  return source.relations.find(
    (relation) => wanted.length <= relation.names.length && wanted.every((name, i) => name === relation.names.at(i - wanted.length)),
  );
}

function plain(name: string, source: SourceFlow): Flow | undefined {
  const shared = source.shared.get(name.toLowerCase());
  if (shared !== undefined) return shared;
  for (const relation of source.relations) {
    const flow = columnOf(relation, name);
    if (flow !== undefined) return flow;
  }
  return undefined;
}

export function columnOf(relation: RelationFlow, name: string): Flow | undefined {
  const lower = name.toLowerCase();
  return relation.columns.find((column) => column.name.toLowerCase() === lower)?.flow;
}

/** A relation's name as a value is the row as a struct. */
function wholeRow(names: string[], source: SourceFlow): Flow | undefined {
  if (names.length !== 1) return undefined;
  const relation = relationNamed(source, names);
  return relation === undefined || relation.other !== undefined ? undefined : mergeFlows(relation.columns.map((column) => column.flow));
}

/** A column of a table whose columns are not known: certain where there is one such table, else said to be uncertain. */
function unlisted(names: string[], source: SourceFlow, context: LineageContext): Flow | undefined {
  const open = source.relations.filter((relation) => relation.other !== undefined);
  if (open.length === 0) return undefined;
  if (open.length > 1) {
    const tables = open.map((relation) => relation.names.join(".")).join(", ");
    context.unresolved.add(`The column \`${names.join(".")}\` may come from any of ${tables}, whose columns are not known.`);
  }
  return mergeFlows(open.map((relation) => relation.other!(names[0]!)));
}
