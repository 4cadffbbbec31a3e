/** Runs pieces of work one after the other, in the order in which they were asked for. */
export interface Exclusive {
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Pieces that wait for the one under way. */
  waiting(): number;
}

export function createExclusive(): Exclusive {
  let last: Promise<unknown> = Promise.resolve();
  let asked = 0;
  return {
    run(work) {
      asked++;
      const result = last.then(work, work);
      last = result.then(
        () => asked--,
        () => asked--,
      );
      return result;
    },
    waiting: () => Math.max(0, asked - 1),
  };
}
