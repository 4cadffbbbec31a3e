import { toAppError } from "#kit/app-error";

/** One thing that was looked at. */
export interface Check {
  name: string;
  status: "ok" | "warn" | "fail";
  /** What was found. */
  text: string;
  /** What to do, where something is amiss. */
  remedy?: string;
}

export function ok(name: string, text: string): Check {
  return { name, status: "ok", text };
}

export function warn(name: string, text: string, remedy: string): Check {
  return { name, status: "warn", text, remedy };
}

export function fail(name: string, text: string, remedy: string): Check {
  return { name, status: "fail", text, remedy };
}

/** The check's own result, or a failed one with the error's message and hint. */
export async function attempt(name: string, look: () => Promise<Check> | Check): Promise<Check> {
  try {
    return await look();
  } catch (thrown) {
    return failure(name, thrown);
  }
}

/** An error as a failed check. */
export function failure(name: string, thrown: unknown): Check {
  const error = toAppError(thrown);
  return fail(name, error.message, error.hint ?? `This is ${error.code} of the table of errors.`);
}

const units = ["bytes", "kB", "MB", "GB", "TB"] as const;

/** `1.4 GB` */
export function sizeText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${Number((bytes / 1_000 ** power).toPrecision(3))} ${units[power]}`;
}

/** `1 table`, `2,000 tables` */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}
