import { z } from "zod";

const column = z.object({ name: z.string(), type: z.string() });
const json = z.record(z.string(), z.json());

/** What a file looks like, as data: nothing of it is ever shown as what it claims to be, except an image by its own checked type. */
export const previewSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("empty") }),
  /** `text` is the beginning; `truncated` says that there is more. */
  z.object({ kind: z.literal("text"), format: z.enum(["json", "yaml", "markup", "text"]), text: z.string(), truncated: z.boolean() }),
  /** The first rows, every value as text (null where there is none); `rowCount` where the file says how many there are. */
  z.object({
    kind: z.literal("table"),
    format: z.enum(["csv", "parquet"]),
    delimiter: z.string().optional(),
    columns: z.array(column),
    rows: z.array(z.array(z.string().nullable())),
    rowCount: z.number().optional(),
    truncated: z.boolean(),
    /** Why there are columns and no rows. */
    note: z.string().optional(),
  }),
  z.object({ kind: z.literal("image"), format: z.enum(["png", "jpeg", "gif", "webp", "bmp"]), width: z.number(), height: z.number() }),
  z.object({ kind: z.literal("array"), format: z.literal("npy"), type: z.string(), shape: z.array(z.number()), order: z.enum(["C", "Fortran"]) }),
  /** A model's description (an `MLmodel` file): its flavours with their settings, and what goes in and comes out. */
  z.object({
    kind: z.literal("model"),
    flavours: z.array(z.object({ name: z.string(), settings: json })),
    signature: z.object({ inputs: z.array(json), outputs: z.array(json), params: z.array(json) }).optional(),
    facts: json,
    text: z.string(),
  }),
  z.object({
    kind: z.literal("network"),
    format: z.literal("onnx"),
    irVersion: z.number(),
    producer: z.string().optional(),
    producerVersion: z.string().optional(),
  }),
  /** `format` is what the first bytes say; `hex` are these. */
  z.object({ kind: z.literal("binary"), format: z.string().optional(), hex: z.string() }),
]);
export type Preview = z.infer<typeof previewSchema>;
