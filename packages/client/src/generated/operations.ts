// Made from the server's routes by `npm run generate`; do not edit.
import type { Call, CallOptions } from "../call.ts";
import type {
  SystemHealthInput,
  SystemHealthOutput,
  TokensCreateInput,
  TokensCreateOutput,
  TokensListInput,
  TokensListOutput,
  TokensRevokeInput,
  TokensRevokeOutput,
} from "./types.ts";

/** Every operation of a server, grouped by noun. */
export type Operations = ReturnType<typeof operations>;

/** Binds the operations to a way of calling the server. */
export function operations(call: Call) {
  return {
    system: {
      /** Say that the server is up. */
      health: (input: SystemHealthInput = {}, options?: CallOptions) => call.json<SystemHealthOutput>("GET", "/health", input, options),
    },
    tokens: {
      /** Make a token for a program or a person. Its secret is shown this once. Needs `access:write`. */
      create: (input: TokensCreateInput, options?: CallOptions) => call.json<TokensCreateOutput>("POST", "/api/tokens", input, options),
      /** List tokens, without their secrets. Needs `access:write`. */
      list: (input: TokensListInput = {}, options?: CallOptions) => call.json<TokensListOutput>("GET", "/api/tokens", input, options),
      /** Make a token worthless. Needs `access:write`. */
      revoke: (input: TokensRevokeInput, options?: CallOptions) => call.json<TokensRevokeOutput>("DELETE", "/api/tokens/{name}", input, options),
    },
  };
}
