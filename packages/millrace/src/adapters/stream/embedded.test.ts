import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
import { systemClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import { streamContract } from "../../../../../tests/contracts/stream.ts";
import { openEmbeddedStream } from "./embedded.ts";
import type { StreamLimits } from "./embedded-limits.ts";

const place = (limits: Partial<StreamLimits>) => async () => {
  const root = await mkdtemp(join(tmpdir(), "millrace-stream-"));
  return {
    open: () => openEmbeddedStream({ folder: join(root, "stream"), clock: systemClock, log: silentLog, limits }),
    dispose: () => rm(root, { recursive: true }),
  };
};

describe("the embedded stream", () => streamContract(place({})));
describe("the embedded stream with tiny segments, groups and journals", () =>
  streamContract(place({ segmentBytes: 300, groupBytes: 200, journalBytes: 500 })));
