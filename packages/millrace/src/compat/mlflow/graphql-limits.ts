import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  Lexer,
  type SelectionNode,
  type SelectionSetNode,
  Source,
  TokenKind,
  visit,
} from "graphql";

/** What a document may ask for: MLflow's limits, and its size, which bounds what reading and checking it costs. */
const limits = {
  characters: 100_000,
  tokens: 10_000,
  brackets: 100,
  rootFields: 10,
  aliases: 10,
  depth: 10,
  selections: 1_000,
  definitions: 100,
} as const;

/** Refuses a text that is too long, or nested too deeply for a parser that calls itself. */
export function checkText(query: string): void {
  if (query.length > limits.characters) throw new GraphQLError(`Query exceeds maximum length of ${limits.characters} characters`);
  const lexer = new Lexer(new Source(query));
  let open = 0;
  for (let tokens = 0; lexer.advance().kind !== TokenKind.EOF; tokens++) {
    if (tokens >= limits.tokens) throw new GraphQLError(`Query exceeds maximum length of ${limits.tokens} tokens`);
    if (opening.has(lexer.token.kind)) open++;
    if (closing.has(lexer.token.kind)) open--;
    if (open > limits.brackets) throw new GraphQLError(`Query exceeds maximum depth of ${limits.brackets} brackets`);
  }
}
const opening = new Set<TokenKind>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const closing = new Set<TokenKind>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);

/**
 * Refuses a document that asks for too much, before anything of it is checked or looked up. Fields are counted as often as fragments
 * bring them in, over all operations, whichever is asked for; what is written is counted once at least. Aliases are counted among
 * siblings. Throws with MLflow's words.
 */
export function checkDocument(document: DocumentNode): void {
  const { definitions } = document;
  if (definitions.length > limits.definitions) throw new GraphQLError(`Query exceeds maximum total definitions of ${limits.definitions}`);
  checkWritten(document);
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const each of definitions) if (each.kind === Kind.FRAGMENT_DEFINITION) fragments.set(each.name.value, each);
  let rootFields = 0;
  let selections = 0;
  let aliases = 0;
  for (const definition of definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const open: { set: SelectionSetNode; depth: number }[] = [{ set: definition.selectionSet, depth: 1 }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { set, depth } = next;
      if (depth > limits.depth) throw new GraphQLError(`Query exceeds maximum depth of ${limits.depth}`);
      const fields = fieldsOf(set, fragments);
      if (depth === 1) rootFields += fields.length;
      selections += fields.length;
      if (selections > limits.selections) throw tooManySelections();
      aliases = Math.max(aliases, fields.filter(({ alias }) => alias !== undefined).length);
      for (const { selectionSet } of fields) if (selectionSet !== undefined) open.push({ set: selectionSet, depth: depth + 1 });
    }
  }
  if (rootFields > limits.rootFields) throw tooMany("root fields", limits.rootFields, rootFields);
  if (aliases > limits.aliases) throw tooMany("aliases", limits.aliases, aliases);
}

function checkWritten(document: DocumentNode): void {
  let written = 0;
  const count = () => {
    if (++written > limits.selections) throw tooManySelections();
  };
  visit(document, { Field: count, FragmentSpread: count, InlineFragment: count });
}

/** The fields of a selection, with those that fragments bring to it. A fragment within itself brings nothing more. */
function fieldsOf({ selections }: SelectionSetNode, fragments: Map<string, FragmentDefinitionNode>): FieldNode[] {
  const fields: FieldNode[] = [];
  const seen = new Set<string>();
  const open: SelectionNode[] = [...selections];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.kind === Kind.FIELD) fields.push(next);
    else if (next.kind === Kind.INLINE_FRAGMENT) open.push(...next.selectionSet.selections);
    else if (!seen.has(next.name.value)) {
      seen.add(next.name.value);
      open.push(...(fragments.get(next.name.value)?.selectionSet.selections ?? []));
    }
  }
  return fields;
}

function tooManySelections(): GraphQLError {
  return new GraphQLError(`Query exceeds maximum total selections of ${limits.selections}`);
}

function tooMany(what: string, most: number, found: number): GraphQLError {
  return new GraphQLError(`GraphQL queries should have at most ${most} ${what}, got ${found} ${what}.`);
}
