import type { z } from "zod";
import { AppError } from "./app-error.ts";

/**
 * Checks what a function was given, and fills in defaults. Throws `invalid_argument` that names the first bad field.
 *
 * @param what the argument in words, as in "The search has a bad value at `limit`: …"
 */
export function parseArgument<Schema extends z.ZodType>(schema: Schema, what: string, argument: unknown): z.output<Schema> {
  const parsed = schema.safeParse(argument);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!; // a failure has at least one
  const path = issue.path.map(String);
  throw new AppError("invalid_argument", `The ${what} has a bad value${path.length > 0 ? ` at \`${path.join(".")}\`` : ""}: ${issue.message}.`, {
    details: { path },
  });
}
