import { AppError } from "#kit/app-error";

const limitBytes = 1_048_576;

/**
 * The JSON text of a value that the ledger keeps; null for `undefined`. What would come back from JSON as something else is
 * refused (`invalid_argument`, naming the place), because a step's output must be the same whether it ran or was remembered.
 *
 * @param what begins the error's sentence, such as `The output of step fit`
 */
export function jsonText(value: unknown, what: string): string | null {
  if (value === undefined) return null;
  check(value, what, "", []);
  const text = JSON.stringify(value);
  if (text.length > limitBytes) {
    throw new AppError("invalid_argument", `${what} is ${(text.length / limitBytes).toFixed(1)} MB of JSON; the ledger keeps up to 1 MB.`, {
      hint: "Store the data as a table or blob and give back a reference to it.",
    });
  }
  return text;
}

/** The value of a text made by `jsonText`. */
export function jsonValue(text: string | null): unknown {
  return text === null ? undefined : JSON.parse(text);
}

function check(value: unknown, what: string, path: string, above: object[]): void {
  if (value === null || value === undefined || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return;
    refuse(what, path, `is ${value}, which JSON cannot hold`, "Give back null for a number that does not exist.");
  }
  if (typeof value !== "object") refuse(what, path, `is a ${typeof value}, which JSON cannot hold`);
  if (above.includes(value)) refuse(what, path, "contains itself");
  if ("toJSON" in value && typeof value.toJSON === "function") return;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) {
    refuse(
      what,
      path,
      `is a ${value.constructor.name}, which JSON would change`,
      "Give back plain objects and arrays, or a reference to stored data.",
    );
  }
  for (const [name, inner] of Object.entries(value)) check(inner, what, `${path}.${name}`, [...above, value]);
}

function refuse(what: string, path: string, problem: string, hint = "Give back plain values."): never {
  throw new AppError("invalid_argument", `${what} cannot be kept: ${path === "" ? "it" : path.slice(1)} ${problem}.`, { hint });
}
