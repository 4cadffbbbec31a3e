import { registerHooks } from "node:module";

let registered = false;

/**
 * Lets a project's `import … from "millrace"` reach the very package that runs it, wherever the command was started from: a
 * checkout, a global install, `npx`. Calling it again changes nothing.
 */
export function resolveSelf(): void {
  if (registered) return;
  registered = true;
  const fromSource = import.meta.url.endsWith(".ts");
  const index = fromSource
    ? new URL("../index.ts", import.meta.url)
    : new URL("index.js", import.meta.url.slice(0, import.meta.url.lastIndexOf("/dist/") + 6));
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "millrace"
        ? { url: index.href, shortCircuit: true, format: fromSource ? "module-typescript" : "module" }
        : next(specifier, context),
  });
}
