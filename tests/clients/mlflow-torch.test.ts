/** PyTorch with Lightning, where it is asked for: `MLFLOW_CHECKS_TORCH=1`. Its packages are 3 GB to download. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkNames, type Generation, generations, runChecks, torchPython } from "./mlflow-client.ts";
import { type Place, realGeneration, startPlaces } from "./places.ts";

const real = realGeneration();
const asked = (Object.keys(generations) as Generation[]).filter((generation) => real === undefined || generation === real); // its keys are all there is

describe.runIf(process.env["MLFLOW_CHECKS_TORCH"])("PyTorch and Lightning:", () => {
  let places: Place[] = [];
  const outcomes = new Map<string, Map<string, string | undefined>>();
  beforeAll(async () => {
    places = await startPlaces();
    for (const generation of asked) {
      const python = await torchPython(generation);
      for (const { name, address } of places)
        outcomes.set(`${name} ${generation}`, await runChecks(generation, address, { names: ["torch"], python }));
    }
  }, 3_600_000); // the first run downloads
  afterAll(() => Promise.all(places.map((place) => place.close())));

  describe.each(asked)("the MLflow client %s", (generation) => {
    it.each(checkNames("torch", generation))("%s", (name) => {
      for (const place of places) {
        const outcome = outcomes.get(`${place.name} ${generation}`)!;
        expect(outcome.has(name), `${name} did not run at ${place.name}`).toBe(true);
        expect(outcome.get(name), place.name).toBeUndefined();
      }
    });
  });
});
