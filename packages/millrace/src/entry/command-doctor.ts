import { holderOf, loadConfig, loadProject, type Project } from "#domains/project";
import { toAppError } from "#kit/app-error";
import type { CommandContext } from "./command.ts";
import { attempt, counted, failure, ok, warn, type Check } from "./doctor-check.ts";
import { checkClock, checkDisk, checkMemory, checkNode, checkPackages, checkPort } from "./doctor-machine.ts";
import { checkStores } from "./doctor-stores.ts";

/** Looks at the machine, then the project, then its stores; ends with 1 when something has failed. Changes nothing. */
export async function command({ folder, environment, terminal }: CommandContext): Promise<number> {
  const { project, check } = await readConfig(folder, environment);
  const checks: Check[] = [checkNode(process.versions.node), checkMemory(), ...checkPackages(project?.config), check];
  if (project) {
    const { config, home } = project;
    const holder = holderOf(home);
    terminal.progress("looking at the project");
    checks.push(await attempt("definitions", () => checkDefinitions(folder, environment)));
    if (holder) checks.push(ok("holder", `${holder.command} (process ${holder.pid}) holds the project, unless it was killed`));
    checks.push(await attempt("disk", () => checkDisk(home)), checkClock(home, Date.now()), await checkPort(config.server, holder));
    terminal.progress("reading the stores");
    checks.push(...(await checkStores(project, environment)));
  }
  const count = (status: Check["status"]) => checks.filter((check) => check.status === status).length;
  const summary = `${count("ok")} ok, ${count("warn")} to think about, ${count("fail")} failed`;
  terminal.result({ ok: count("fail") === 0, checks }, [...checks.map(checkLine), summary].join("\n"));
  return count("fail") === 0 ? 0 : 1;
}

/** A folder without a project is no failure: the machine can be looked at anywhere. */
async function readConfig(
  folder: string,
  environment: Record<string, string | undefined>,
): Promise<{ project?: Pick<Project, "config" | "home">; check: Check }> {
  try {
    const project = await loadConfig(folder, environment);
    return { project, check: ok("config", `${project.config.name} in ${project.folder}`) };
  } catch (thrown) {
    const error = toAppError(thrown);
    return { check: error.code === "not_found" ? warn("config", error.message, error.hint!) : failure("config", thrown) };
  }
}

async function checkDefinitions(folder: string, environment: Record<string, string | undefined>): Promise<Check> {
  const { definitions } = await loadProject(folder, environment);
  const counts = [...definitions].map(([kind, named]) => counted(named.size, kind.replaceAll("_", " ")));
  return ok("definitions", counts.join(", ") || "none");
}

function checkLine({ name, status, text, remedy }: Check): string {
  return `${status.padEnd(6)}${name.padEnd(18)}${text}${remedy === undefined ? "" : `\n${" ".repeat(24)}${remedy}`}`;
}
