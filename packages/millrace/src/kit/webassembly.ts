/** The part of the WebAssembly API that Millrace uses, typed here because TypeScript declares it only together with a browser's whole DOM. */

import { AppError } from "./app-error.ts";

export interface WasmModule {
  readonly [wasmModule]: true;
}
declare const wasmModule: unique symbol;

export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
}

interface Api {
  compile(bytes: Uint8Array<ArrayBuffer>): Promise<WasmModule>;
  Instance: new (module: WasmModule, imports: { env: { memory: WasmMemory } }) => { readonly exports: Record<string, unknown> };
  Memory: new (size: { initial: number; maximum: number; shared: true }) => WasmMemory;
}

// Node has had the global since version 8; only its declaration is missing.
const { WebAssembly: api } = globalThis as unknown as { WebAssembly: Api };

export function compileWasm(bytes: Uint8Array<ArrayBuffer>): Promise<WasmModule> {
  return api.compile(bytes);
}

/** Links the module to the memory and returns what it exports. */
export function instantiateWasm(module: WasmModule, memory: WasmMemory): Record<string, unknown> {
  return new api.Instance(module, { env: { memory } }).exports;
}

/** Reserves zeroed memory of `pages` × 64 KiB that can be shared with other threads; it is committed as it is touched. Throws `unavailable` without it. */
export function sharedWasmMemory(pages: number): WasmMemory {
  try {
    return new api.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    const mebibytes = Math.ceil(pages / 16);
    throw new AppError("unavailable", `The system does not give ${mebibytes} MiB of memory.`, {
      cause,
      hint: "Free some memory, or work on fewer rows or columns at a time.",
    });
  }
}
