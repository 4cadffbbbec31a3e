/** Opens a project, gives an alias to a version, and is dead as soon as that is done. Arguments: folder of the project, model, alias, version. */
import { openProject } from "#entry/open-project";
import { setAlias } from "#domains/registry";

const [folder, model, alias, version] = process.argv.slice(2) as [string, string, string, string];
const { services } = await openProject({ folder, environment: {}, withoutDefinitions: true, purpose: "a test" });
await setAlias(services.registry, { model, alias, version: Number(version), actor: "ana", reason: "better" });
process.kill(process.pid, "SIGKILL");
