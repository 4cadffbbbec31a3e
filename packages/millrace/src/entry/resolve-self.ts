import { registerHooks } from "node:module";

/**
 * Lets a project's `import … from "millrace"` reach the very package that runs it, wherever the command was started from: a
 * checkout, a global install, `npx`.
 */
export function resolveSelf(index: URL): void {
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "millrace"
        ? { url: index.href, shortCircuit: true, format: index.href.endsWith(".ts") ? "module-typescript" : "module" }
        : next(specifier, context),
  });
}
