import { AppError } from "#kit/app-error";
import type { Tensor, TensorData, TensorPlace, TensorType } from "#ports/tensor-runtime";

/** Values in order, and how they are laid out. */
export interface Values {
  shape: number[];
  elements: readonly unknown[];
}

/** Lists within lists as values. Throws `invalid_argument` where they are not all of one length. */
export function valuesOf(name: string, lists: unknown): Values {
  const shape: number[] = [];
  for (let inner = lists; Array.isArray(inner); inner = inner[0] as unknown) shape.push(inner.length);
  let elements: unknown[] = [lists];
  for (const size of shape) {
    if (!elements.every((each) => Array.isArray(each) && each.length === size))
      throw bad(`The lists of ${name} are not all of one length.`, "A tensor is as long everywhere.");
    elements = (elements as unknown[][]).flat(1);
  }
  if (elements.some(Array.isArray)) throw bad(`The lists of ${name} are not all of one depth.`, "A tensor is as deep everywhere.");
  return { shape, elements };
}

/** Values as an input takes them: of its type, and with a last dimension of 1 more or less where only that differs. Throws `invalid_argument`. */
export function tensorFor({ name, type, shape: wanted }: TensorPlace, { shape, elements }: Values): Tensor {
  let fitted = shape;
  if (wanted.length === shape.length + 1 && (wanted.at(-1) ?? 1) === 1) fitted = [...shape, 1];
  if (wanted.length === shape.length - 1 && shape.at(-1) === 1) fitted = shape.slice(0, -1);
  if (fitted.length !== wanted.length || wanted.some((size, i) => size !== null && size !== fitted[i]))
    throw bad(`Input ${name} takes the shape ${shapeText(wanted)}, not ${shapeText(shape)}.`);
  return { type, shape: fitted, data: dataOf(name, type, elements) };
}

/** A tensor as lists within lists. Numbers that are not finite are null; JSON has none. */
export function listsOf({ shape, data }: Tensor, isTrue: boolean): unknown {
  let at = 0;
  const read = (depth: number): unknown => {
    if (depth === shape.length) return plainElement(data[at++]!, isTrue);
    return Array.from({ length: shape[depth]! }, () => read(depth + 1));
  };
  return read(0);
}

/** @param isTrue whether 0 and 1 are truth values */
export function plainElement(element: number | bigint | string, isTrue: boolean): unknown {
  if (isTrue) return Boolean(element);
  return typeof element === "bigint" ? Number(element) : typeof element === "number" && !Number.isFinite(element) ? null : element;
}

export function shapeText(shape: readonly (number | null)[]): string {
  return `[${shape.map((size) => size ?? "any").join(", ")}]`;
}

function dataOf(name: string, type: TensorType, elements: readonly unknown[]): TensorData {
  const refuse = (value: unknown, i: number): never => {
    throw bad(`Input ${name} takes ${type}, but value ${i} is ${JSON.stringify(value) ?? "missing"}.`);
  };
  switch (type) {
    case "float32":
      return Float32Array.from(elements, (value, i) => decimal(value) ?? refuse(value, i));
    case "float64":
      return Float64Array.from(elements, (value, i) => decimal(value) ?? refuse(value, i));
    case "string":
      return elements.map((value, i) => (typeof value === "string" ? value : refuse(value, i)));
    case "bool":
      return Uint8Array.from(elements, (value, i) => (value === true || value === 1 ? 1 : value === false || value === 0 ? 0 : refuse(value, i)));
    case "int64":
      return BigInt64Array.from(elements, (value, i) => BigInt(whole(value, -(2 ** 63), 2 ** 63) ?? refuse(value, i)));
    case "uint64":
      return BigUint64Array.from(elements, (value, i) => BigInt(whole(value, 0, 2 ** 64) ?? refuse(value, i)));
    default: {
      const { made, low, high } = integers[type];
      return made.from(elements.map((value, i) => whole(value, low, high) ?? refuse(value, i)));
    }
  }
}

const integers = {
  int8: { made: Int8Array, low: -128, high: 128 },
  int16: { made: Int16Array, low: -32_768, high: 32_768 },
  int32: { made: Int32Array, low: -(2 ** 31), high: 2 ** 31 },
  uint8: { made: Uint8Array, low: 0, high: 256 },
  uint16: { made: Uint16Array, low: 0, high: 65_536 },
  uint32: { made: Uint32Array, low: 0, high: 2 ** 32 },
} as const;

/** Null is a missing value. */
function decimal(value: unknown): number | undefined {
  if (value === null) return Number.NaN;
  return typeof value === "number" ? value : typeof value === "boolean" ? Number(value) : undefined;
}

function whole(value: unknown, low: number, high: number): number | undefined {
  const number = typeof value === "boolean" ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number >= low && number < high ? number : undefined;
}

function bad(message: string, hint?: string): AppError {
  return new AppError("invalid_argument", message, hint === undefined ? {} : { hint });
}
