/** Traces that scenarios begin with. */
import { createHash } from "node:crypto";
import { type Json, type Wire } from "./wire.ts";
import { newExperiment } from "./wire-setup.ts";
import { sendSpans } from "./wire-spans.ts";

export const traces = "/api/3.0/mlflow/traces";
export const absentTrace = `tr-${"0".repeat(31)}1`;

/** Both servers are told the same id. */
export const idOf = (name: string) => `tr-${createHash("sha256").update(name).digest("hex").slice(0, 32)}`;

export interface Info {
  [key: string]: Json;
}

export function start(wire: Wire, experiment: string, trace_id: string, more: Info = {}): Promise<Json> {
  const trace_info = {
    trace_id,
    trace_location: { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experiment } },
    request_time: "2026-11-20T10:00:00.250Z",
    execution_duration: "1.500s",
    state: "OK",
    ...more,
  };
  return wire.post(traces, { trace: { trace_info } });
}

const place = (experiment: string): Json => [{ type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experiment } }];
export const search = (wire: Wire, experiment: string, given: { [key: string]: Json } = {}) =>
  wire.post(`${traces}/search`, { locations: place(experiment), ...given });

const second = 1_795_168_800_000_000_000n;

/** Five traces of one experiment, with spans. */
export async function some(wire: Wire, why: string): Promise<string> {
  const experiment = await newExperiment(wire, `traces ${why}`);
  for (let i = 0; i < 5; i++) {
    const trace = idOf(`${why} ${i}`);
    const times = { start: second + BigInt(i) * 1_000_000_000n, end: second + BigInt(i) * 1_100_000_000n };
    await start(wire, experiment, trace, {
      request_time: `2026-11-20T10:00:0${i}Z`,
      execution_duration: `0.${i}00s`,
      state: i === 4 ? "ERROR" : "OK",
      client_request_id: `r${i}`,
      tags: { "mlflow.traceName": `job ${i % 2}`, number: String(i), ...(i === 2 && { rare: "It's" }) },
      trace_metadata: { "mlflow.trace.session": `s${i % 2}`, "mlflow.trace.user": "ann", ...(i === 1 && { own: "x" }) },
      request_preview: `in ${i}`,
    });
    await sendSpans(wire, experiment, trace, [
      { ...times, name: `root ${i}`, attributes: { "mlflow.spanType": i === 3 ? "LLM" : "CHAIN", model: `m${i}` } },
      { ...times, id: 2, parent: 1, name: "tool", attributes: { "mlflow.spanType": "TOOL", said: i === 2 ? "the Needle" : "hay" } },
    ]);
  }
  return experiment;
}
