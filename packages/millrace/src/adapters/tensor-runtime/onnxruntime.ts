/** Runs ONNX models of any tensors through the optional package onnxruntime-node, each on a thread of its own. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { Worker } from "node:worker_threads";
import { AppError } from "#kit/app-error";
import { allNodes, externalLocations } from "#kit/onnx";
import { decodeOnnx } from "#kit/onnx-decode";
import { workerFile } from "#kit/worker-file";
import type { ModelFiles, TensorRuntime } from "#ports/tensor-runtime";
import type { Answer, Question } from "./onnx-messages.ts";

export const runtime: TensorRuntime = {
  name: "onnxruntime",
  async load(model) {
    const wanted = filesOf(model);
    const thread = startThread();
    const folder = await mkdtemp(join(tmpdir(), "millrace-model-"));
    try {
      for (const [path, bytes] of wanted) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), bytes);
      }
      const loaded = await thread.ask({ kind: "load", path: join(folder, model.main) });
      if (loaded.kind !== "loaded") throw new AppError("internal", "The thread of a model did not load it.");
      const { inputs, outputs } = loaded;
      return {
        engine: "onnxruntime",
        ...{ inputs, outputs },
        async run(given) {
          const ran = await thread.ask({ kind: "run", inputs: given });
          if (ran.kind !== "ran") throw new AppError("internal", "The thread of a model did not run it.");
          return ran.outputs;
        },
        close: thread.close,
      };
    } catch (error) {
      await thread.close();
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** Operators that run foreign code or reach outside are no part of the standard domains; those are refused. */
const knownDomains = new Set(["", "ai.onnx", "ai.onnx.ml", "com.microsoft"]);

/** The files that onnxruntime may see: the model, and those beside it that it names. No name leads out of its folder. */
function filesOf({ main, files }: ModelFiles): Map<string, Uint8Array> {
  const bytes = files.get(main);
  if (bytes === undefined) throw new AppError("corrupt_data", `There is no file ${main} in the model.`);
  const { graph } = decodeOnnx(bytes);
  for (const { domain, opType } of allNodes(graph))
    if (!knownDomains.has(domain))
      throw new AppError("unsupported", `onnxruntime cannot serve this model: operator ${opType} belongs to the unknown domain "${domain}".`, {
        hint: "Use standard operators only.",
      });
  const wanted = new Map([[main, bytes]]);
  for (const location of externalLocations(graph)) {
    const path = posix.normalize(posix.join(posix.dirname(main), location));
    const beside = location.startsWith("/") || path.startsWith("..") ? undefined : files.get(path);
    if (beside === undefined)
      throw new AppError("unsupported", `The model keeps values in "${location}", which is no file beside it.`, {
        hint: "Save the model as one file.",
      });
    wanted.set(path, beside);
  }
  return wanted;
}

interface Thread {
  ask(question: Question): Promise<Exclude<Answer, { kind: "failed" }>>;
  close(): Promise<void>;
}

/** Answers come in the order of the questions. Should it break down, every open and later question fails. */
function startThread(): Thread {
  const waiting: { resolve(answer: Exclude<Answer, { kind: "failed" }>): void; reject(reason: unknown): void }[] = [];
  let broken: AppError | undefined;
  const breakDown = (reason: AppError): void => {
    broken ??= reason;
    for (const { reject } of waiting.splice(0)) reject(broken);
  };
  const worker = new Worker(workerFile(import.meta.url, "onnx-worker"), { name: "onnx" });
  worker.on("message", (answer: Answer) => {
    const asked = waiting.shift();
    if (waiting.length === 0) worker.unref(); // nothing to wait for
    if (answer.kind !== "failed") asked?.resolve(answer);
    else asked?.reject(new AppError(answer.code, answer.message, answer.hint === undefined ? {} : { hint: answer.hint }));
  });
  worker.on("error", (cause) =>
    breakDown(new AppError("unavailable", `The thread of a model failed: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause })),
  );
  worker.on("exit", () => breakDown(new AppError("unavailable", "The thread of a model has ended.")));
  worker.unref();
  return {
    async ask(question) {
      if (broken) throw broken;
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        worker.ref();
        worker.postMessage(question);
      });
    },
    async close() {
      await worker.terminate();
    },
  };
}
