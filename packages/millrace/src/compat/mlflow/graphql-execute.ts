import { execute, GraphQLError, type GraphQLSchema, parse, type ExecutionResult, validate } from "graphql";
import { toAppError } from "#kit/app-error";
import { type Asker, wireField } from "./graphql-fields.ts";
import { checkDocument, checkText } from "./graphql-limits.ts";
import { newSchema } from "./graphql-schema.ts";
import { messageOf } from "./protocol.ts";
import type { Fields } from "./request.ts";

export interface Question {
  query: string;
  variables: Fields;
  operation: string | undefined;
}

/** Errors are told by their words alone. */
export interface GraphqlAnswer {
  data: unknown;
  errors: string[] | null;
}

let schema: GraphQLSchema | undefined;

/**
 * Answers a GraphQL document. What is wrong with it, and what a field of it does not find, stands among the errors; what fails in
 * this server is thrown.
 */
export async function answerQuestion({ query, variables, operation }: Question, asker: Omit<Asker, "experiments">): Promise<GraphqlAnswer> {
  schema ??= newSchema();
  const { data = null, errors } = await resultOf(schema, { query, variables, operation }, { ...asker, experiments: new Map() });
  return { data, errors: errors === undefined ? null : errors.map(wordsOf) };
}

async function resultOf(schema: GraphQLSchema, { query, variables, operation }: Question, asker: Asker): Promise<ExecutionResult> {
  try {
    checkText(query);
    const document = parse(query, { noLocation: true });
    checkDocument(document);
    const errors = validate(schema, document);
    if (errors.length > 0) return { errors };
    return await execute({ schema, document, variableValues: variables, operationName: operation, contextValue: asker, fieldResolver: wireField });
  } catch (error) {
    if (error instanceof GraphQLError) return { errors: [error] };
    throw error;
  }
}

function wordsOf({ message, originalError }: GraphQLError): string {
  if (originalError === undefined || originalError instanceof GraphQLError) return message;
  const error = toAppError(originalError);
  if (error.status >= 500) throw error;
  return messageOf(error);
}
