/** Entry of a training thread: answers the requests of `trees.ts`, one at a time. */
import { parentPort } from "node:worker_threads";
import { toAppError } from "#kit/app-error";
import { categoryBins, numericBins } from "./trees-bins.ts";
import { boost } from "./trees-boost.ts";
import { bindKernels, type Kernels } from "./trees-kernels.ts";
import { viewsOf, type Views } from "./trees-layout.ts";
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

port?.on("message", (request: Request) => {
  try {
    answer(handle(request));
  } catch (thrown) {
    const { code, message, stack } = toAppError(thrown);
    answer({ kind: "failed", code, message, stack });
  }
});

function answer(value: Answer): void {
  port?.postMessage(value);
}

function handle(request: Request): Answer {
  switch (request.kind) {
    case "find bins":
      return { kind: "bins", bins: numericBins(request.sample, request.most) };
    case "find categories":
      return { kind: "bins", bins: categoryBins(request.sample, request.levels, request.most) };
    case "setup":
      ready = { ...request.setup, views: viewsOf(request.setup.memory.buffer), bound: bindKernels(request.setup.kernels, request.setup.memory) };
      return { kind: "done" };
    case "cut":
      cut(mustBeReady(), request);
      return { kind: "done" };
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

/** Staged columns lie one after another, each `rows` values long: float32 numbers or int32 codes. */
function cut({ layout, columns, views, bound }: Ready, { slot, firstRow, rows }: Extract<Request, { kind: "cut" }>): void {
  columns.forEach((bins, column) => {
    const values = slot + column * rows * 4;
    let record = layout.at.records + firstRow * layout.stride + 4 + column;
    let cell = layout.at.columns + column * layout.rows + firstRow;
    if (bins.kind === "number") {
      bound.bin(values, rows, record, cell, layout.at.thresholds + column * 1024);
      return;
    }
    for (let i = values / 4; i < values / 4 + rows; i++) {
      const bin = bins.binOfCode[views.int32[i] as number] ?? 0; // codes below 0 or past the levels have no bin
      views.bytes[record] = bin;
      views.bytes[cell++] = bin;
      record += layout.stride;
    }
  });
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
