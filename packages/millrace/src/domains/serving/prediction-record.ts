import { z } from "zod";
import { AppError } from "#kit/app-error";

/**
 * What is kept of every prediction: enough to answer, years later, why. The inputs are the model's own matrix row as float32,
 * bit for bit, so that scoring them again with the same version gives the same number.
 */
export interface PredictionRecord {
  /** Key of the event that asked, such as a flight's number. */
  key: string;
  /** The moment it was asked for (event time), epoch ms. */
  timeMs: number;
  /** Version number of the model that answered. */
  version: number;
  score: number;
  /** Score of the version that answered before the last promotion, computed beside it for comparison. */
  shadow?: { version: number; score: number };
  /** The matrix row, in the order of the version's signature. */
  inputs: Float32Array;
  /** By alias of a feature view, in the order of the aliases' names: known time of the newest event used, epoch ms; null for none. */
  known: (number | null)[];
  /** Positions in `inputs` of features whose value the caller gave in place of the one that was read. */
  given?: number[];
  source: "stream" | "http";
}

const storedSchema = z.object({
  k: z.string(),
  t: z.number(),
  v: z.number().int(),
  s: z.number(),
  sv: z.number().int().optional(),
  ss: z.number().optional(),
  x: z.string(),
  n: z.array(z.number().nullable()),
  g: z.array(z.number().int()).optional(),
  o: z.enum(["stream", "http"]),
});

/** The record as the text of a log entry: JSON with short names, the inputs as base64 of their bytes. */
export function encodePrediction(record: PredictionRecord): string {
  const { inputs } = record;
  const x = Buffer.from(inputs.buffer, inputs.byteOffset, inputs.byteLength).toString("base64");
  const shadow = record.shadow ? `,"sv":${record.shadow.version},"ss":${record.shadow.score}` : "";
  const given = record.given && record.given.length > 0 ? `,"g":[${record.given.join()}]` : "";
  return `{"k":${JSON.stringify(record.key)},"t":${record.timeMs},"v":${record.version},"s":${record.score}${shadow},"x":"${x}","n":[${knownJson(record.known)}]${given},"o":"${record.source}"}`;
}

function knownJson(known: (number | null)[]): string {
  let json = "";
  for (let i = 0; i < known.length; i++) json += i === 0 ? String(known[i]) : `,${known[i]}`;
  return json;
}

/** Throws `corrupt_data` for anything that `encodePrediction` has not written. */
export function decodePrediction(value: Buffer): PredictionRecord {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value.toString("utf8"));
  } catch (error) {
    throw new AppError("corrupt_data", "A record of the predictions' topic is not JSON.", { cause: error });
  }
  const result = storedSchema.safeParse(parsed);
  if (!result.success)
    throw new AppError("corrupt_data", `A record of the predictions' topic is not a prediction: ${z.prettifyError(result.error)}.`);
  const { k, t, v, s, sv, ss, x, n, g, o } = result.data;
  const bytes = Buffer.from(x, "base64");
  const inputs = new Float32Array(bytes.length / 4);
  new Uint8Array(inputs.buffer).set(bytes);
  return {
    key: k,
    timeMs: t,
    version: v,
    score: s,
    ...(sv !== undefined && ss !== undefined && { shadow: { version: sv, score: ss } }),
    inputs,
    known: n,
    ...(g !== undefined && { given: g }),
    source: o,
  };
}

/** The id of a prediction is its place in the log: `<endpoint>.<partition>.<offset>`. So it can be found without an index. */
export function predictionId(endpoint: string, partition: number, offset: number): string {
  return `${endpoint}.${partition}.${offset}`;
}

/** Throws `invalid_argument` for text that is no prediction's id. */
export function parsePredictionId(id: string): { endpoint: string; partition: number; offset: number } {
  const match = /^([a-z][a-z0-9-]*)\.(\d{1,6})\.(\d{1,15})$/.exec(id);
  if (!match)
    throw new AppError("invalid_argument", `"${id}" is no prediction's id.`, {
      hint: "It reads <endpoint>.<partition>.<offset>, such as late-arrival.0.1234.",
    });
  return { endpoint: match[1]!, partition: Number(match[2]), offset: Number(match[3]) };
}
