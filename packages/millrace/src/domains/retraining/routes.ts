import { z } from "zod";
import { route } from "#kit/route";
import type { Database } from "#ports/database";
import { decisionSchema } from "./model.ts";
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
    cli: { positional: ["endpoint"], rows: "retrainings", columns: ["id", "atMs", "state", "flow", "runId", "error"] },
    handle: async ({ retraining }, { endpoint }) => ({ retrainings: await selectDecisions(retraining.state, endpoint) }),
  }),
];
