import { availableParallelism } from "node:os";
import { z } from "zod";
import { AppError } from "#kit/app-error";
import { durationMs } from "#kit/duration";

const stateSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("sqlite") }),
  z.strictObject({
    kind: z.literal("postgres"),
    url: z.string().regex(/^postgres(ql)?:\/\//, "a postgres:// address"),
    schema: z.string().optional(),
  }),
]);
const blobsSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("local") }),
  z.strictObject({
    kind: z.literal("s3"),
    bucket: z.string().min(3),
    prefix: z.string().optional(),
    region: z.string().optional(),
    endpoint: z.url().optional(),
    /** Whether clients are sent to the bucket itself with large files; false where they cannot reach it. */
    direct: z.boolean().optional(),
  }),
]);

/** Scheme, host and port, and nothing else: a path would look as if it narrowed what is allowed. */
const originSchema = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && text.replace(/\/$/, "") === new URL(text).origin,
    "must be an origin such as http://127.0.0.1:9000",
  );

const durationSchema = z.string().refine((text) => {
  try {
    return durationMs(text) > 0;
  } catch {
    return false;
  }
}, 'must be a length of time such as "12h" or "30d"');

/** What `millrace.config.ts` may say. Everything but the name has a default: the embedded stores under `.millrace/`. Descriptions go into the reference. */
export const configSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,62}$/, "use lower-case letters, digits and dashes, starting with a letter")
    .describe("The project's name: lower-case letters, digits and dashes."),
  home: z.string().default(".millrace").describe("Folder of the embedded stores, from the project's folder."),
  include: z
    .array(z.string())
    .default(["*.ts"])
    .describe("Files with definitions, from the project's folder; tests, declarations and configurations are left out."),
  state: stateSchema.default({ kind: "sqlite" }).describe("Where runs, models, lineage and all other facts are kept."),
  blobs: blobsSchema.default({ kind: "local" }).describe("Where tables, models and artifacts lie."),
  server: z
    .strictObject({
      host: z.string().default("127.0.0.1").describe("Address the server binds; any but loopback needs a token first."),
      port: z.int().min(0).max(65_535).default(4040).describe("Port the server binds; 0 takes any free one."),
    })
    .prefault({}),
  outbound: z
    .strictObject({
      allow: z
        .array(originSchema)
        .default([])
        .describe("Origins, such as http://127.0.0.1:9000, that webhooks may reach although they are not https or not on the public internet."),
    })
    .prefault({}),
  retention: z
    .strictObject({
      archive: z
        .array(z.strictObject({ folder: z.string().min(1), after: durationSchema }))
        .default([])
        .describe(
          'Runs of experiments in a folder are archived once they ended so long ago, as in `[{ folder: "scratch", after: "14d" }]`; not those with the tag `keep` or a registered version.',
        ),
      purgeArchivedAfter: durationSchema
        .optional()
        .describe("Archived runs and experiments are removed for ever after so long, such as `30d`; not those with a registered version.")
        .meta({ defaultText: "never" }),
    })
    .prefault({}),
  resources: z
    .strictObject({
      threads: z
        .int()
        .min(1)
        .max(256)
        .default(availableParallelism())
        .describe("Threads for SQL and training.")
        .meta({ defaultText: "the machine's cores" }),
      sqlMemoryMb: z.int().min(64).default(300).describe("Memory the SQL engine may use before it spills to disk."),
    })
    .prefault({}),
  log: z.enum(["debug", "info", "warn", "error", "silent"]).default("warn").describe("The least level of log lines that are written."),
  vars: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .default({})
    .describe("Values for `var()` in SQL models."),
});

export type Config = z.output<typeof configSchema>;
export type ConfigInput = z.input<typeof configSchema>;

/** The project's settings. */
export function defineConfig(config: ConfigInput): { kind: "config" } & ConfigInput {
  return { kind: "config", ...config };
}

/** State in PostgreSQL. */
export function postgres(url: string, options: { schema?: string } = {}): ConfigInput["state"] {
  return { kind: "postgres", url, ...options };
}

/** Tables, models and artifacts in a bucket. Credentials come from `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. */
export function s3(bucket: string, options: { prefix?: string; region?: string; endpoint?: string; direct?: boolean } = {}): ConfigInput["blobs"] {
  return { kind: "s3", bucket, ...options };
}

/** Variables that override the file, and the field each sets. */
export const environmentOverrides = {
  MILLRACE_HOME: "home",
  MILLRACE_STATE_URL: "state",
  MILLRACE_BLOBS_URL: "blobs",
  MILLRACE_HOST: "server.host",
  MILLRACE_PORT: "server.port",
  MILLRACE_THREADS: "resources.threads",
  MILLRACE_SQL_MEMORY_MB: "resources.sqlMemoryMb",
  MILLRACE_LOG: "log",
} as const;

/** Checks a configuration and lays the environment's overrides over it. Throws `invalid_config` that names every wrong field. */
export function resolveConfig(input: unknown, environment: Record<string, string | undefined>, file = "millrace.config.ts"): Config {
  const { kind: _, ...given } = (typeof input === "object" && input !== null ? input : {}) as Record<string, unknown>;
  const parsed = configSchema.safeParse(applyOverrides(given, environment));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the configuration"}: ${issue.message}`);
  const variables = Object.entries(environmentOverrides).filter(
    ([variable, field]) => environment[variable] && parsed.error.issues.some((issue) => issue.path.join(".").startsWith(field)),
  );
  const named = variables.map(([variable]) => `${variable}="${environment[variable]}"`).join(" and ");
  throw new AppError("invalid_config", `${named === "" ? file : `${file} with ${named}`} cannot be used: ${problems.join("; ")}.`, {
    hint: `Fields are: ${Object.keys(configSchema.shape).join(", ")}.`,
    details: { fields: parsed.error.issues.map((issue) => issue.path.join(".")) },
  });
}

function applyOverrides(given: Record<string, unknown>, environment: Record<string, string | undefined>): Record<string, unknown> {
  const config: Record<string, unknown> = structuredClone(given);
  for (const [variable, field] of Object.entries(environmentOverrides)) {
    const text = environment[variable];
    if (text === undefined || text === "") continue;
    const [top, inner] = field.split(".") as [string, string | undefined];
    const value = /port|threads|Mb/i.test(field) ? numberOf(variable, text) : (stores[variable]?.(text) ?? text);
    config[top] = inner === undefined ? value : { ...(config[top] as object | undefined), [inner]: value };
  }
  return config;
}

const stores: Record<string, (url: string) => object> = { MILLRACE_STATE_URL: (url) => ({ kind: "postgres", url }), MILLRACE_BLOBS_URL: bucketOf };

/** `s3://bucket/prefix?region=…&endpoint=…` */
function bucketOf(text: string): object {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "s3:" || url.hostname === "")
    throw new AppError("invalid_config", `MILLRACE_BLOBS_URL is "${text}", which is no bucket.`, {
      hint: "Write s3://bucket or s3://bucket/prefix?region=eu-west-1",
    });
  const prefix = url.pathname.replaceAll(/^\/+|\/+$/g, "");
  return { kind: "s3", bucket: url.hostname, ...(prefix !== "" && { prefix }), ...Object.fromEntries(url.searchParams) };
}

function numberOf(variable: string, text: string): number {
  const value = Number(text);
  if (Number.isNaN(value)) throw new AppError("invalid_config", `${variable} is "${text}", which is not a number.`);
  return value;
}
