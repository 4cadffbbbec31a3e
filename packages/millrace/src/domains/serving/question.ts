import { featureNames } from "#domains/features";
import { viewsInOrder } from "#domains/training";
import { AppError } from "#kit/app-error";
import { closestName } from "#kit/close-names";
import type { WarehouseRow } from "#ports/warehouse";
import type { LiveFeatures } from "./live-features.ts";
import { numberOf, rowWriter, type AskingRow, type RowWriter } from "./matrix-row.ts";
import type { ServedModel } from "./served-model.ts";

/** One row of a request, ready to be scored but for its place in the matrix. */
export interface Question {
  key: string;
  timeMs: number;
  known: (number | null)[];
  /** Places in the matrix row whose feature value the caller gave. */
  given: number[];
}

export interface QuestionReader {
  /**
   * Checks a row of a request and writes its matrix row from `offset`. The caller may leave out its time and columns of its own
   * (they are missing to the model then, and noted in `absent`), but no key of a feature view, unless it gives all of the view's features.
   * Throws `invalid_argument` naming the field.
   */
  read(row: AskingRow, defaultMs: number, out: Float32Array, offset: number, absent: Set<string>): Question;
  readonly model: ServedModel;
  /** Fields that a row may have. */
  readonly fields: readonly string[];
}

interface View {
  name: string;
  on: readonly string[];
  features: string[];
}

/** Reads the rows that people and programs send. `extra` are fields that are accepted and not used, such as the rest of an event. */
export function questionReader(model: ServedModel, live: LiveFeatures, extra: readonly string[], keyField: string): QuestionReader {
  const { signature } = model;
  const { online, floorMs } = live;
  const writer: RowWriter = rowWriter(signature, online.names);
  const places = new Map(signature.inputs.map(({ name }, at) => [name, at]));
  for (const name of signature.columns) places.delete(name);
  const views: View[] = Object.entries(signature.features).map(([alias, { view, on }]) => ({
    name: view.name,
    on,
    features: featureNames(view, alias),
  }));
  const keys = new Set(views.flatMap((view) => view.on));
  const fields = new Set([...signature.columns, ...keys, signature.time, signature.id, keyField, ...places.keys(), ...extra]);
  const categories = new Set(signature.inputs.filter((input) => input.kind === "category").map((input) => input.name));
  const features = new Float32Array(online.names.length);
  const known = new Float64Array(online.aliases.length);
  const aliases = Object.keys(viewsInOrder(signature.features)).map((alias) => online.aliases.indexOf(alias));

  return {
    model,
    fields: [...fields],
    read(row, defaultMs, out, offset, absent) {
      const given: number[] = [];
      for (const name in row) {
        if (row[name] === undefined) continue;
        if (!fields.has(name)) throw unknownField(name);
        const place = places.get(name);
        if (place !== undefined) given.push(place);
      }
      for (const name of signature.columns) {
        const value = row[name];
        if (value === undefined) absent.add(name);
        else if (categories.has(name) && value !== null && typeof value !== "string" && typeof value !== "number") throw notText(name, value);
      }
      const timeMs = row[signature.time] === undefined ? defaultMs : timeOf(signature.time, row[signature.time]);
      if (timeMs < floorMs) throw tooEarly(signature.time, timeMs, floorMs);
      online.read(withKeys(row), timeMs, features, 0, known);
      writer.write(row, features, out, offset);
      for (const place of given) {
        const { name } = signature.inputs[place]!;
        out[offset + place] = numberOf(name, row[name]);
      }
      const key = row[keyField] ?? row[signature.id];
      return {
        key: key === undefined || key === null ? "" : String(key),
        timeMs,
        known: aliases.map((at) => (Number.isNaN(known[at]!) ? null : known[at]!)),
        given,
      };
    },
  };

  /** The row with every key that the features are read by. One that nobody needs, because all values are given, is null. */
  function withKeys(row: AskingRow): WarehouseRow {
    let filled = row as WarehouseRow; // values of keys are checked by the features as they read them; others are not looked at
    for (const view of views) {
      for (const name of view.on) {
        if (row[name] !== undefined) continue;
        if (!view.features.every((feature) => row[feature] !== undefined)) throw missingKey(name, view);
        if (filled === row) filled = { ...filled };
        filled[name] = null;
      }
    }
    return filled;
  }

  function unknownField(name: string): AppError {
    const close = closestName(name, fields);
    return new AppError(
      "invalid_argument",
      `Field ${name} is none that ${model.name} v${model.version} knows${close === undefined ? "" : `; did you mean ${close}?`}`,
      {
        hint: `It takes ${[...keys, ...signature.columns.filter((column) => !keys.has(column)), signature.time].join(", ")}, and features by their full name.`,
        details: { field: name },
      },
    );
  }

  function missingKey(name: string, view: View): AppError {
    return new AppError("invalid_argument", `Field ${name} is missing: feature view ${view.name} is read by it.`, {
      hint: "Send it, null where there is none.",
      details: { field: name },
    });
  }
}

/** A moment as epoch milliseconds or ISO 8601 text; text without a zone is UTC. */
function timeOf(name: string, value: unknown): number {
  if (typeof value === "number" && Math.abs(value) <= 8.64e15) return value;
  if (typeof value === "string" && /^\d{4}-\d{2}-\d{2}/.test(value)) {
    const iso = value.trim().replace(" ", "T");
    const ms = Date.parse(iso.length <= 10 || /(Z|[+-]\d{2}:?\d{2})$/.test(iso) ? iso : `${iso}Z`);
    if (!Number.isNaN(ms)) return ms;
  }
  throw new AppError("invalid_argument", `Field ${name} is ${JSON.stringify(value)}, which is no time.`, {
    hint: "Send epoch milliseconds, or text such as 2001-06-01T12:00:00Z.",
    details: { field: name },
  });
}

function tooEarly(name: string, timeMs: number, floorMs: number): AppError {
  return new AppError(
    "invalid_argument",
    `Field ${name} asks about ${new Date(timeMs).toISOString()}, but the live features reach back to ${new Date(floorMs).toISOString()} only.`,
    { hint: "Score a table instead: that sees all of the past.", details: { field: name } },
  );
}

function notText(name: string, value: unknown): AppError {
  return new AppError("invalid_argument", `Field ${name} is ${JSON.stringify(value)}, but the model takes a text there.`, {
    hint: "Send a text, or null where it is not known.",
    details: { field: name },
  });
}
