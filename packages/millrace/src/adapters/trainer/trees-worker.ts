/** Entry of a training thread: answers the requests of `trees.ts`, one at a time. */
import { once } from "node:events";
import { parentPort, type MessagePort } from "node:worker_threads";
import { toAppError } from "#kit/app-error";
import { sharedWasmMemory, type WasmMemory } from "#kit/webassembly";
import { categoryBins, numericBins, type ColumnBins } from "./trees-bins.ts";
import { boost } from "./trees-boost.ts";
import { bindKernels, type Kernels } from "./trees-kernels.ts";
import { viewsOf, type Layout, type Views } from "./trees-layout.ts";
import type { Answer, Request, Setup, Trained } from "./trees-messages.ts";
import { forestToOnnx } from "./trees-onnx.ts";
import { createShare } from "./trees-share.ts";
import { helpTeam, leadTeam } from "./trees-team.ts";

interface Ready extends Setup {
  views: Views;
  bound: Kernels;
}

const port = parentPort;
let ready: Ready | undefined;

port?.on("message", async (request: Request) => {
  try {
    const value = await handle(request);
    answer(value, value.kind === "cut" ? [value.piece] : []);
  } catch (thrown) {
    const { code, message, stack } = toAppError(thrown);
    answer({ kind: "failed", code, message, stack });
  }
});

function answer(value: Answer, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(value, transfer);
}

async function handle(request: Request): Promise<Answer> {
  switch (request.kind) {
    case "find bins":
      return { kind: "bins", bins: numericBins(request.sample, request.most) };
    case "find categories":
      return { kind: "bins", bins: categoryBins(request.sample, request.levels, request.most) };
    case "setup":
      ready = await setUp(request.setup);
      return { kind: "done" };
    case "cut":
      cut(mustBeReady(), request);
      return { kind: "cut", piece: request.piece };
    case "help":
      helpTeam(controlOf(mustBeReady()), shareOf(mustBeReady()).run);
      return { kind: "done" };
    case "train":
      return { kind: "trained", trained: train(mustBeReady(), request) };
  }
}

function mustBeReady(): Ready {
  if (!ready) throw new Error("The training thread got work before its setup.");
  return ready;
}

function controlOf({ views, layout }: Ready): Int32Array {
  return views.int32.subarray(layout.at.control / 4, layout.at.control / 4 + 64);
}

function shareOf({ layout, params, monotone, columns, views, bound, thread }: Ready): ReturnType<typeof createShare> {
  const isCategory = columns.map((bins) => bins.kind === "category");
  return createShare(layout, params, monotone, isCategory, views, bound, thread);
}

async function setUp(setup: Setup): Promise<Ready> {
  const { layout, thread, ports, kernels, columns } = setup;
  const memory = thread === 0 ? sharedWasmMemory(layout.pages) : await receiveMemory(ports);
  const views = viewsOf(memory.buffer);
  if (thread === 0) {
    for (const helper of ports) {
      helper.postMessage(memory);
      helper.close();
    }
    writeThresholds(layout, views, columns);
  }
  return { ...setup, views, bound: bindKernels(kernels, memory) };
}

async function receiveMemory([port]: MessagePort[]): Promise<WasmMemory> {
  if (!port) throw new Error("A helping thread got no way to the memory.");
  const [memory]: WasmMemory[] = await once(port, "message"); // what thread 0 posts
  port.close();
  if (!memory) throw new Error("A helping thread got no memory.");
  return memory;
}

function writeThresholds({ at }: Layout, { float32 }: Views, columns: ColumnBins[]): void {
  columns.forEach((bins, column) => {
    const start = at.thresholds / 4 + column * 256;
    float32.fill(Infinity, start, start + 256);
    if (bins.kind === "number") float32.set(bins.thresholds, start);
  });
}

/** A piece's columns lie one after another, each `rows` values long: float32 numbers or int32 codes; then labels, then weights. */
function cut({ layout, params, columns, views, bound, thread, base }: Ready, { piece, firstRow, rows }: Extract<Request, { kind: "cut" }>): void {
  const { at, stride } = layout;
  const staging = at.staging + thread * layout.pieceBytes;
  views.bytes.set(new Uint8Array(piece, 0, rows * columns.length * 4), staging);
  columns.forEach((bins, column) => {
    const values = staging + column * rows * 4;
    let record = at.records + firstRow * stride + 4 + column;
    let cell = at.columns + column * layout.rows + firstRow;
    if (bins.kind === "number") {
      bound.bin(values, rows, record, cell, at.thresholds + column * 1024);
      return;
    }
    for (let i = values / 4; i < values / 4 + rows; i++) {
      const bin = bins.binOfCode[views.int32[i] as number] ?? 0; // codes below 0 or past the levels have no bin
      views.bytes[record] = bin;
      views.bytes[cell++] = bin;
      record += stride;
    }
  });
  const labels = new Float32Array(piece, rows * columns.length * 4, rows);
  if (params.objective === "binary") {
    views.float32.set(labels, at.labels / 4 + firstRow);
    views.float64.fill(base, at.scores / 8 + firstRow, at.scores / 8 + firstRow + rows);
  } else {
    // Differences to the starting score, which keep their precision however large the labels are; scores start at 0.
    for (let row = 0; row < rows; row++) views.float32[at.labels / 4 + firstRow + row] = (labels[row] as number) - base; // in range
  }
  if (layout.weighted) views.float32.set(new Float32Array(piece, rows * (columns.length + 1) * 4, rows), at.weights / 4 + firstRow);
}

function train(context: Ready, request: Extract<Request, { kind: "train" }>): Trained {
  const team = leadTeam(controlOf(context), context.layout.threads, shareOf(context).run);
  try {
    const { forest, losses, bestIteration } = boost({
      ...context,
      ...request,
      columns: context.columns,
      team,
      onIteration: (iteration, loss) => answer({ kind: "progress", iteration, loss }),
    });
    const gains = context.columns.map(() => 0);
    for (const tree of forest.trees) for (const node of tree.nodes) gains[node.feature] = (gains[node.feature] ?? 0) + node.gain;
    return { onnx: forestToOnnx(forest, request.columns, context.params.objective), losses, bestIteration, gains };
  } finally {
    team.dismiss();
  }
}
