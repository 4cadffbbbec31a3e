/** A Go new enough for the servers that tests build: that of the path, or one from the Go module proxy, which any older Go can fetch. */
import { execFile } from "node:child_process";
import { chmod, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { installPackages, works } from "./debian-packages.ts";
import { testCache } from "./test-cache.ts";

const run = promisify(execFile);
const wanted = "1.26.0";

/** The command of a Go of at least the wanted version. Where there is none at all, Debian's is installed first. */
export async function goCommand(): Promise<string> {
  if (!(await works("go", "version"))) await installPackages(["golang-go"], "The S3 tests build their server, which needs Go.");
  const { stdout } = await run("go", ["env", "GOVERSION"]);
  return isNewEnough(stdout.trim()) ? "go" : fetchToolchain();
}

function isNewEnough(version: string): boolean {
  const numbers = /^go(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [0, 0];
  const [major, minor] = wanted.split(".").map(Number);
  return numbers[0]! > major! || (numbers[0] === major && numbers[1]! >= minor!);
}

/** Go's own distribution is a module; an old Go downloads it, but does not know that its programs must be executable. */
async function fetchToolchain(): Promise<string> {
  const machine = process.arch === "arm64" ? "arm64" : "amd64";
  const modules = await testCache("go-modules");
  const env = { ...process.env, GOMODCACHE: modules, GOFLAGS: "-modcacherw", GO111MODULE: "on" };
  await run("go", ["mod", "download", `golang.org/toolchain@v0.0.1-go${wanted}.linux-${machine}`], { env, maxBuffer: 1 << 26 });
  const root = join(modules, `golang.org/toolchain@v0.0.1-go${wanted}.linux-${machine}`);
  for (const folder of ["bin", `pkg/tool/linux_${machine}`]) {
    for (const program of await readdir(join(root, folder))) await chmod(join(root, folder, program), 0o755);
  }
  return join(root, "bin", "go");
}
