const workMs = 10;

/** For long loops: what it gives is awaited in each turn, and lets other requests come in between once the work has taken its 10 ms. */
export function breather(): () => Promise<void> | undefined {
  let restedMs = performance.now();
  return () => {
    if (performance.now() - restedMs < workMs) return undefined;
    return new Promise((resolve) =>
      setImmediate(() => {
        restedMs = performance.now();
        resolve();
      }),
    );
  };
}
