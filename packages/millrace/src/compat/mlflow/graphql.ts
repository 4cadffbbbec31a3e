import { under, type Handler } from "./endpoint.ts";
import { invalid } from "./protocol.ts";
import { type Fields, needText, object, text } from "./request.ts";

/**
 * What MLflow's pages ask for runs, experiments and charts. Every field is answered by the REST route that has the same data, and asks
 * of the caller what that one does. The library is loaded by the first question.
 */
const answer: Handler = async (services, fields, context) => {
  const question = { query: needText(fields, "query"), variables: variablesOf(fields), operation: text(fields, "operationName") || undefined };
  const { answerQuestion } = await import("./graphql-execute.ts");
  return answerQuestion(question, { services, context });
};

export const graphqlRoutes = [under("", "POST", "/graphql", "project:read", answer), under("", "GET", "/graphql", "project:read", answer)];

/** In a query of an address they are JSON. */
function variablesOf(fields: Fields): Fields {
  const given = fields["variables"];
  if (typeof given !== "string") return object(fields, "variables");
  try {
    return object({ variables: JSON.parse(given) }, "variables");
  } catch (error) {
    throw error instanceof SyntaxError ? invalid("The variables are not JSON.") : error;
  }
}
