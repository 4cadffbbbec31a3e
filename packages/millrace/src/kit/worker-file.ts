/**
 * The file of a worker thread. Files named `*-worker.ts` are entry points of threads: run from source they lie beside their
 * caller; in the published package the build puts them, bundled, into `dist/workers/`.
 *
 * @param callerUrl the caller's `import.meta.url`
 * @param name file name without extension, such as `trees-worker`
 */
export function workerFile(callerUrl: string, name: `${string}-worker`): URL {
  return callerUrl.endsWith(".ts") ? new URL(`./${name}.ts`, callerUrl) : new URL(`./workers/${name}.js`, distFolder(callerUrl));
}

function distFolder(callerUrl: string): string {
  return callerUrl.slice(0, callerUrl.lastIndexOf("/dist/") + "/dist/".length);
}
