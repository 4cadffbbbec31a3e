import { errorCodes } from "#kit/error-codes";
import { code, markdownTable, notice } from "./markdown.ts";

/** `docs/reference/errors.md`: every error with its HTTP status and exit code. */
export function errorsPage(): string {
  const rows = Object.entries(errorCodes).map(([name, { status, exit, meaning }]) => [code(name), String(status), String(exit), meaning]);
  return `${notice}# Errors

Every error has a code from this table, a message that says what is wrong with which thing, and nearly always a hint that says what to do.
The command line prints \`error[code]: message\` and \`hint: …\` on stderr (one JSON object with \`--json\`) and ends with the exit code; the
server answers with the status and a JSON body:

\`\`\`json
{ "error": { "code": "not_found", "message": "…", "hint": "…", "requestId": "…" } }
\`\`\`

The typed client rejects with a \`MillraceError\` that carries the same fields.

${markdownTable(["Code", "HTTP status", "Exit code", "Meaning"], rows)}
`;
}
