import type { Database, Transaction } from "#ports/database";

interface Pending {
  work: (transaction: Transaction) => Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * `write` for work that is not expected to fail: what is asked for while a commit is under way shares the next transaction, on
 * every engine. So one process has one such transaction at a time, which also spares a shared database the conflicts of a
 * process with itself. When a shared transaction fails, each work is tried alone and answers for itself.
 */
export function groupWrites(database: Database): Database["write"] {
  const queue: Pending[] = [];
  let draining = false;

  return <Result>(work: (transaction: Transaction) => Promise<Result>) =>
    new Promise<Result>((resolve, reject) => {
      queue.push({ work, resolve: resolve as (value: unknown) => void, reject }); // the queue holds results of every type
      if (!draining) void drain();
    });

  async function drain(): Promise<void> {
    draining = true;
    await Promise.resolve(); // lets every caller of this turn join the first commit
    while (queue.length > 0) await commit(queue.splice(0));
    draining = false; // in the same turn as the check above
  }

  async function commit(batch: Pending[]): Promise<void> {
    try {
      const values = await database.write(async (transaction) => {
        const results: unknown[] = [];
        for (const { work } of batch) results.push(await work(transaction));
        return results;
      });
      batch.forEach(({ resolve }, i) => resolve(values[i]));
    } catch (error) {
      if (batch.length === 1) batch[0]!.reject(error);
      else for (const pending of batch) await commit([pending]);
    }
  }
}
