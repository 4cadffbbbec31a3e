/**
 * Every error Millrace can report: its HTTP status, the exit code of the command line, and what it means.
 * The table is the documentation (`docs/reference/errors.md` is generated from it); a test fails when a code is unused.
 *
 * Exit codes: 1 failed, 2 usage, 3 not found, 4 access, 5 gate failed, 6 conflict, 7 unavailable (try again), 130 stopped by the user.
 */
export const errorCodes = {
  invalid_argument: { status: 400, exit: 2, meaning: "A request, option or definition has a value that cannot be used." },
  invalid_config: { status: 400, exit: 2, meaning: "`millrace.config.ts` or a `MILLRACE_*` variable cannot be used." },
  invalid_definition: {
    status: 400,
    exit: 2,
    meaning: "A definition of the project (source, view, flow, gate, endpoint) contradicts itself or another.",
  },
  not_found: { status: 404, exit: 3, meaning: "The named thing does not exist." },
  unauthenticated: { status: 401, exit: 4, meaning: "The server needs a token, and there is none, or it is unknown or revoked." },
  permission_denied: { status: 403, exit: 4, meaning: "The caller lacks the permission that the route declares." },
  gate_failed: { status: 409, exit: 5, meaning: "A model did not pass its gate; the champion stays in place." },
  conflict: { status: 409, exit: 6, meaning: "The thing changed or exists already; nothing was written." },
  project_in_use: { status: 409, exit: 6, meaning: "Another process holds the project." },
  port_in_use: { status: 503, exit: 7, meaning: "The server's port is taken by another program." },
  unavailable: { status: 503, exit: 7, meaning: "A service that is needed does not answer; the same call may work later." },
  storage_full: { status: 507, exit: 7, meaning: "The disk is full; nothing half-written was kept." },
  corrupt_data: { status: 422, exit: 1, meaning: "A stored or given file is damaged or not what it claims to be." },
  sql_error: { status: 422, exit: 1, meaning: "A SQL model or template cannot be parsed, planned or run." },
  test_failed: { status: 422, exit: 1, meaning: "A data test of a SQL model found rows that break it." },
  step_failed: { status: 500, exit: 1, meaning: "A step of a run threw an error; what finished before it is kept." },
  missing_dependency: { status: 501, exit: 1, meaning: "An optional package is not installed; the message has the install line." },
  unsupported: { status: 501, exit: 1, meaning: "The input asks for something that Millrace does not do." },
  cancelled: { status: 499, exit: 130, meaning: "The caller stopped the work before its end; what had finished is kept." },
  internal: { status: 500, exit: 1, meaning: "A defect in Millrace; please report it with the request id." },
} as const satisfies Record<string, { status: number; exit: number; meaning: string }>;

export type ErrorCode = keyof typeof errorCodes;
