import type { BuildRecord, BuildStore } from "./model.ts";

/** A build store that lasts as long as the process; for tests and for trying things out. */
export function memoryBuildStore(): BuildStore {
  const finished = new Map<string, BuildRecord>();
  const pending = new Map<string, BuildRecord>();
  return {
    get: async (model) => ({ finished: finished.get(model), pending: pending.get(model) }),
    putPending: async (record) => void pending.set(record.model, structuredClone(record)),
    async putFinished(record) {
      finished.set(record.model, structuredClone(record));
      pending.delete(record.model);
    },
  };
}
