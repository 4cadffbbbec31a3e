import { z } from "zod";

/** Models and versions as the routes show them. */
export const modelOutput = z.object({
  name: z.string(),
  description: z.string(),
  tags: z.record(z.string(), z.string()),
  createdMs: z.number(),
  updatedMs: z.number(),
  aliases: z.record(z.string(), z.number()),
  latest: z.number().optional(),
});
export const versionOutput = z.object({
  model: z.string(),
  version: z.number(),
  runId: z.string().optional(),
  digest: z.string(),
  format: z.string(),
  status: z.enum(["pending", "ready", "failed"]),
  metrics: z.record(z.string(), z.number().nullable()),
  aliases: z.array(z.string()),
  data: z.array(z.object({ table: z.string(), version: z.number(), digest: z.string().optional() })),
  createdMs: z.number(),
  description: z.string(),
  tags: z.record(z.string(), z.string()),
  gate: z.record(z.string(), z.unknown()).optional(),
});
