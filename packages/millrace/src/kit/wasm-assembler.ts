/**
 * A small WebAssembly assembler (webassembly.github.io/spec/core/binary): inner loops that JavaScript cannot express, such as packed
 * 64-bit integer adds and four floats at a time, are written as nested calls and become a module's bytes at run time.
 * No compiler, no binary in the repository. Memory is always imported as `env.memory`.
 */

/** Instruction bytes; an expression leaves one value on the stack. */
export type Code = readonly number[];
export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

export interface WasmFunction {
  name: string;
  params: ValueType[];
  result: ValueType | undefined;
  locals: ValueType[];
  body: Code;
}

/**
 * Declares a function: parameters and locals by name, and a body built from them.
 * @param build gets `get`, `set` and `tee` for the names
 */
export function wasmFunction<P extends string, L extends string>(
  name: string,
  params: Record<P, ValueType>,
  locals: Record<L, ValueType>,
  result: ValueType | undefined,
  build: (locals: Variables<P | L>) => Code[],
): WasmFunction {
  const names = [...Object.keys(params), ...Object.keys(locals)];
  const index = (variable: string): Code => unsigned(names.indexOf(variable));
  const body = build({
    get: (variable) => [0x20, ...index(variable)],
    set: (variable, value) => [...value, 0x21, ...index(variable)],
    tee: (variable, value) => [...value, 0x22, ...index(variable)],
  });
  return { name, params: Object.values(params), result, locals: Object.values(locals), body: join(body) };
}

export interface Variables<N extends string> {
  get(name: N): Code;
  set(name: N, value: Code): Code;
  tee(name: N, value: Code): Code;
}

/** Assembles a module that exports each function under its name and works on a shared memory of at most `maximumPages` pages of 64 KiB. */
export function assembleModule(functions: WasmFunction[], maximumPages: number): Uint8Array<ArrayBuffer> {
  const types = functions.map((f) => [0x60, ...vector(f.params.map((p) => [typeCodes[p]])), ...vector(f.result ? [[typeCodes[f.result]]] : [])]);
  const memory = [...text("env"), ...text("memory"), 0x02, 0x03, ...unsigned(1), ...unsigned(maximumPages)];
  const bodies = functions.map((f) => {
    const code = [...vector(f.locals.map((type) => [1, typeCodes[type]])), ...f.body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([memory])),
    ...section(3, vector(functions.map((_, i) => unsigned(i)))),
    ...section(7, vector(functions.map((f, i) => [...text(f.name), 0x00, ...unsigned(i)]))),
    ...section(10, vector(bodies)),
  ]);
}

export function join(codes: readonly Code[]): Code {
  return codes.flat();
}

/** `for (variable = from; variable < to; variable += step) body`, on unsigned i32. */
export function countUp<N extends string>(v: Variables<N>, variable: N, from: Code, to: Code, step: number, body: Code[]): Code {
  const more = i32.lessThan(v.get(variable), to);
  const again = [...join(body), ...v.set(variable, i32.add(v.get(variable), i32.constant(step))), ...more, 0x0d, 0x00];
  return [...v.set(variable, from), ...more, 0x04, 0x40, 0x03, 0x40, ...again, 0x0b, 0x0b];
}

/** `while (condition) body`. */
export function repeatWhile(condition: Code, body: Code[]): Code {
  return [...condition, 0x04, 0x40, 0x03, 0x40, ...join(body), ...condition, 0x0d, 0x00, 0x0b, 0x0b];
}

/** `do body while (condition)`. */
export function doWhile(body: Code[], condition: Code): Code {
  return [0x03, 0x40, ...join(body), ...condition, 0x0d, 0x00, 0x0b];
}

/** `condition ? yes : no`; both are computed. */
export function select(yes: Code, no: Code, condition: Code): Code {
  return [...yes, ...no, ...condition, 0x1b];
}

const two =
  (...opcode: number[]) =>
  (a: Code, b: Code): Code => [...a, ...b, ...opcode];
const one =
  (...opcode: number[]) =>
  (a: Code): Code => [...a, ...opcode];
const load =
  (opcode: number[], align: number) =>
  (address: Code, offset = 0): Code => [...address, ...opcode, align, ...unsigned(offset)];
const store =
  (opcode: number[], align: number) =>
  (address: Code, value: Code, offset = 0): Code => [...address, ...value, ...opcode, align, ...unsigned(offset)];
const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];

export const i32 = {
  constant: (value: number): Code => [0x41, ...signed(BigInt(value | 0))],
  load: load([0x28], 2),
  loadByte: load([0x2d], 0),
  store: store([0x36], 2),
  storeByte: store([0x3a], 0),
  equalZero: one(0x45),
  lessThan: two(0x49), // unsigned
  add: two(0x6a),
  subtract: two(0x6b),
  multiply: two(0x6c),
  and: two(0x71),
  or: two(0x72),
  xor: two(0x73),
  shiftLeft: two(0x74),
  shiftRight: two(0x76), // unsigned
};

export const i64 = {
  constant: (value: bigint): Code => [0x42, ...signed(value)],
  load: load([0x29], 3),
  store: store([0x37], 3),
  add: two(0x7c),
  and: two(0x83),
  or: two(0x84),
  shiftLeft: two(0x86),
  fromSigned: one(0xac),
  fromUnsigned: one(0xad),
};

export const f32 = {
  load: load([0x2a], 2),
  atMost: two(0x5f),
  notEqual: two(0x5c),
  lessThan: two(0x5d),
};

export const f64 = {
  load: load([0x2b], 3),
  store: store([0x39], 3),
  add: two(0xa0),
};

/** Two doubles, four floats or four integers at a time. */
export const v128 = {
  load: load(simd(0x00), 3),
  store: store(simd(0x0b), 3),
  and: two(...simd(0x4e)),
  or: two(...simd(0x50)),
  xor: two(...simd(0x51)),
  /** The low halves of `a` and `b`, in that order. */
  lowHalves: (a: Code, b: Code): Code => [...a, ...b, ...simd(0x0d), 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23],
  /** Four floats from two pairs of doubles. */
  narrow: (a: Code, b: Code): Code => v128.lowHalves(one(...simd(0x5e))(a), one(...simd(0x5e))(b)),
};

export const f32x4 = {
  splat: one(...simd(0x13)),
  constant: (value: number): Code => [...simd(0x0c), ...Array.from({ length: 4 }, () => [...new Uint8Array(Float32Array.of(value).buffer)]).flat()],
  add: two(...simd(0xe4)),
  subtract: two(...simd(0xe5)),
  multiply: two(...simd(0xe6)),
  divide: two(...simd(0xe7)),
  minimum: two(...simd(0xe8)),
  maximum: two(...simd(0xe9)),
  floor: one(...simd(0x68)),
  nearest: one(...simd(0x6a)),
  toIntegers: one(...simd(0xf8)),
  fromIntegers: one(...simd(0xfa)),
};

export const i32x4 = {
  constant: (a: number, b = a, c = a, d = a): Code => [...simd(0x0c), ...new Uint8Array(Int32Array.of(a, b, c, d).buffer)],
  splat: one(...simd(0x11)),
  lane: (value: Code, lane: number): Code => [...value, ...simd(0x1b), lane],
  add: two(...simd(0xae)),
  multiply: two(...simd(0xb5)),
  shiftLeft: two(...simd(0xab)),
  shiftRight: two(...simd(0xad)), // unsigned
};

/** Copies `size` bytes; the ranges may overlap. */
export function copyMemory(to: Code, from: Code, size: Code): Code {
  return [...to, ...from, ...size, 0xfc, 0x0a, 0x00, 0x00];
}

const typeCodes: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function text(value: string): Code {
  return vector([...new TextEncoder().encode(value)].map((byte) => [byte]));
}

/** LEB128, the format's variable-length integers. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest % 128) | (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return bytes;
}

function signed(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ;) {
    const low = Number(rest & 127n);
    rest >>= 7n;
    const last = (rest === 0n && low < 64) || (rest === -1n && low >= 64);
    bytes.push(last ? low : low | 128);
    if (last) return bytes;
  }
}
