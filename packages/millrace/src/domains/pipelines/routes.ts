import { z } from "zod";
import { route } from "#kit/route";
import { getRun, listRuns, type LedgerReader } from "./ledger.ts";
import { run, runStatus, step, stepRef } from "./model.ts";
import { why, type Why } from "./why.ts";

const runRoute = route<{ ledger: LedgerReader }>();
const keyPart = z.json().optional();

export const pipelineRoutes = [
  runRoute({
    name: "runs.list",
    method: "GET",
    path: "/api/runs",
    summary: "List runs of flows, newest first.",
    permission: "project:read",
    input: z.object({ flow: z.string().optional(), status: runStatus.optional(), limit: z.coerce.number().int().min(1).max(1_000).default(50) }),
    output: z.object({ runs: z.array(run) }),
    errors: ["invalid_argument"],
    cli: { rows: "runs", columns: ["id", "flow", "status", "attempt", "cause", "startedMs"] },
    handle: async ({ ledger }, { flow, status, limit }) => ({
      runs: await listRuns(ledger, { limit, ...(flow !== undefined && { flow }), ...(status && { status }) }),
    }),
  }),
  runRoute({
    name: "runs.show",
    method: "GET",
    path: "/api/runs/{run}",
    summary: "Show a run with its steps and what each cost.",
    permission: "project:read",
    input: z.object({ run: z.string() }),
    output: run.extend({ steps: z.array(step) }),
    errors: ["not_found"],
    cli: { positional: ["run"], rows: "steps", columns: ["id", "label", "state", "attempt", "summary"] },
    handle: ({ ledger }, input) => getRun(ledger, input.run),
  }),
  runRoute({
    name: "runs.why",
    method: "GET",
    path: "/api/runs/{run}/steps/{step}/why",
    summary: "Say why a step ran or came from the cache: which part of its key had changed.",
    permission: "project:read",
    input: z.object({ run: z.string(), step: z.string() }),
    output: stepRef.extend({
      attempt: z.number(),
      reason: z.enum(["cached", "first", "changed", "unfinished", "asked"]),
      other: stepRef.nullable(),
      changed: z.array(z.object({ part: z.string(), before: keyPart, after: keyPart })),
    }),
    errors: ["not_found"],
    cli: { words: "why", positional: ["run", "step"], text: whyText },
    handle: async ({ ledger }, input) => JSON.parse(JSON.stringify(await why(ledger, input.run, input.step))) as never, // key parts are plain values
  }),
];

const reasons: Record<Why["reason"], string> = {
  cached: "came from the cache: an output for the same key was there",
  first: "ran: no step of its kind had run before",
  changed: "ran: parts of its key had changed",
  unfinished: "ran: an earlier execution with the same key had not finished",
  asked: "ran: it was asked to, or what the earlier output referred to was gone",
};

function whyText({
  stepId,
  runId,
  reason,
  other,
  changed,
}: {
  stepId: string;
  runId: string;
  reason: Why["reason"];
  other: Why["other"];
  changed: { part: string; before?: unknown; after?: unknown }[];
}): string {
  const compared = other ? ` (${other.stepId} of run ${other.runId})` : "";
  const line = ({ part, before, after }: { part: string; before?: unknown; after?: unknown }) =>
    `  ${part}: ${JSON.stringify(before) ?? "nothing"} → ${JSON.stringify(after) ?? "nothing"}`;
  return [`${stepId} of run ${runId} ${reasons[reason]}${compared}`, ...changed.map(line)].join("\n");
}
