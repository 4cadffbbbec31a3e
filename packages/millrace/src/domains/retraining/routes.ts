import { z } from "zod";
import { route } from "#kit/route";
import type { Database } from "#ports/database";
import { decisionSchema, type Decision } from "./model.ts";
import { selectDecisions } from "./store.ts";

const retrainingRoute = route<{ retraining: { state: Database } }>();

export const retrainingRoutes = [
  retrainingRoute({
    name: "retraining.list",
    method: "GET",
    path: "/api/endpoints/{endpoint}/retrainings",
    summary: "List when an endpoint's model was learnt again, why, and what came of it; newest first.",
    permission: "project:read",
    input: z.object({ endpoint: z.string() }),
    output: z.object({ retrainings: z.array(decisionSchema) }),
    errors: [],
    cli: { positional: ["endpoint"], text: retrainingsText },
    handle: async ({ retraining }, { endpoint }) => ({ retrainings: await selectDecisions(retraining.state, endpoint) }),
  }),
];

function retrainingsText({ retrainings }: { retrainings: Decision[] }): string {
  if (retrainings.length === 0) return "(none)";
  return retrainings
    .map(({ atMs, state, reasons, outcome, error, runId }) => {
      const came = outcome
        ? `v${outcome.version} ${outcome.promoted ? "took over" : "did not pass"}: ${outcome.summary.split("\n")[0]}`
        : (error ?? "under way");
      return [
        `${new Date(atMs).toISOString().slice(0, 10)}  ${state}, run ${runId ?? "none yet"}`,
        ...reasons.map(({ reason }) => `  because ${reason}`),
        `  ${came}`,
      ].join("\n");
    })
    .join("\n");
}
