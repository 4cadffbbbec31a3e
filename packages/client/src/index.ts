import { openCall, type ClientOptions } from "./call.ts";
import { operations, type Operations } from "./generated/operations.ts";

export { MillraceError } from "./millrace-error.ts";
export type { CallOptions, ClientOptions, FileBody } from "./call.ts";
export type { ErrorCode } from "./generated/types.ts";

/** A client of one server: one method an operation, grouped by noun, as in `client.models.show({ model: "late-arrival" })`. */
export type Client = Operations;

/**
 * Makes a client; nothing is sent before the first call. Calls reject with `MillraceError`. Works wherever there is `fetch`.
 *
 * @example
 * const client = createClient({ url: "http://127.0.0.1:4040" });
 * const { tokens } = await client.tokens.list();
 */
export function createClient(options: ClientOptions): Client {
  return operations(openCall(options));
}
