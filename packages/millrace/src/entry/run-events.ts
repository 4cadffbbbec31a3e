import type { RunEvent } from "#domains/pipelines";
import type { Terminal } from "./command-line.ts";
import { stageLine } from "./stages.ts";

/** Shows a run's steps: a line that moves while one works, one that stays when it is done. */
export function showRun(terminal: Terminal): (event: RunEvent) => void {
  return (event) => {
    if (event.type === "step-progress") {
      const how = event.text ?? (event.fraction === null ? "" : `${Math.round(event.fraction * 100)} %`);
      terminal.progress(`  ${event.label.padEnd(16)}${how}`);
    }
    if (event.type === "step-finished" && event.state !== "cancelled") {
      const summary = event.error ? `failed: ${event.error.message}` : (event.summary ?? "");
      terminal.note(stageLine({ name: event.label, summary, seconds: event.cost.wallMs / 1_000, peakMemoryMb: 0, cached: event.state === "cached" }));
    }
  };
}
