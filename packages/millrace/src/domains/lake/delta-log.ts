/** The transaction log of Delta Lake (delta-io/delta, PROTOCOL.md): one JSON file a version, one action a line. */
import { z } from "zod";
import { AppError } from "#kit/app-error";

const textMap = z.record(
  z.string(),
  z
    .string()
    .nullish()
    .transform((value) => value ?? ""),
);

const addAction = z.looseObject({
  /** Relative to the table's folder, URL-encoded. */
  path: z.string(),
  partitionValues: textMap.nullish(),
  size: z.number(),
  modificationTime: z.number(),
  dataChange: z.boolean(),
  /** JSON in JSON. */
  stats: z.string().nullish(),
  deletionVector: z.unknown().optional(),
});

const removeAction = z.looseObject({
  path: z.string(),
  deletionTimestamp: z.number().nullish(),
  dataChange: z.boolean(),
  size: z.number().nullish(),
  partitionValues: textMap.nullish(),
  deletionVector: z.unknown().optional(),
});

const metaDataAction = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  format: z.looseObject({ provider: z.string() }),
  schemaString: z.string(),
  partitionColumns: z.array(z.string()),
  configuration: textMap.nullish(),
  createdTime: z.number().nullish(),
});

const protocolAction = z.looseObject({
  minReaderVersion: z.number(),
  minWriterVersion: z.number(),
  readerFeatures: z.array(z.string()).nullish(),
  writerFeatures: z.array(z.string()).nullish(),
});

const txnAction = z.looseObject({ appId: z.string(), version: z.number(), lastUpdated: z.number().nullish() });

const commitInfoAction = z.looseObject({
  timestamp: z.number().optional(),
  operation: z.string().optional(),
  operationMetrics: z.record(z.string(), z.unknown()).optional(),
  userMetadata: z.string().optional(),
  txnId: z.string().optional(),
});

/** One line of the log has one of these; other actions are none of our business, as the protocol says. */
const logLine = z.looseObject({
  add: addAction.nullish(),
  remove: removeAction.nullish(),
  metaData: metaDataAction.nullish(),
  protocol: protocolAction.nullish(),
  txn: txnAction.nullish(),
  commitInfo: commitInfoAction.nullish(),
});

export type Add = z.infer<typeof addAction>;
export type Remove = z.infer<typeof removeAction>;
export type MetaData = z.infer<typeof metaDataAction>;
export type Protocol = z.infer<typeof protocolAction>;
export type Txn = z.infer<typeof txnAction>;
export type CommitInfo = z.infer<typeof commitInfoAction>;
export type Action = z.infer<typeof logLine>;

/** Checks one action; throws zod's error. */
export function parseAction(value: unknown): Action {
  return logLine.parse(value);
}

/** The actions of one log file. Throws `corrupt_data` naming the table, the version and the line. */
export function parseCommit(table: string, version: number, text: string): Action[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    try {
      return [logLine.parse(JSON.parse(line))];
    } catch (error) {
      throw new AppError("corrupt_data", `The log of table \`${table}\` is damaged: version ${version}, line ${index + 1}: ${firstProblem(error)}.`, {
        cause: error,
        hint: `Restore \`${versionName(version)}.json\` of its \`_delta_log\` folder.`,
      });
    }
  });
}

export function commitText(actions: Action[]): string {
  return actions.map((action) => JSON.stringify(action) + "\n").join("");
}

/** Versions are twenty digits in file names. */
export function versionName(version: number): string {
  return String(version).padStart(20, "0");
}

export function commitKey(folder: string, version: number): string {
  return `${folder}/_delta_log/${versionName(version)}.json`;
}

function firstProblem(error: unknown): string {
  if (!(error instanceof z.ZodError)) return error instanceof Error ? error.message : String(error);
  const issue = error.issues[0];
  return issue === undefined ? "unknown" : `${issue.path.join(".")}: ${issue.message}`;
}
