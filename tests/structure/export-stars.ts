import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Files of the repository that git knows, plus new ones that it does not ignore. */
export function repositoryFiles(root: string): string[] {
  const output = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  return output.split("\n").filter(Boolean);
}

/** Places of `export *`, as `file:line`. The linter has no rule for it. */
export function exportStars(files: string[], root: string): string[] {
  return files.flatMap((file) =>
    readFileSync(join(root, file), "utf8")
      .split("\n")
      .flatMap((line, i) => (/^\s*export\s+\*/.test(line) ? [`${file}:${i + 1}`] : [])),
  );
}
