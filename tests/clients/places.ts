/** Where the suite's checks are played: Millrace on SQLite and on PostgreSQL, or MLflow's own server, which is where they come from. */
import { inject } from "vitest";
import { openMlflowPlace } from "../contracts/mlflow.ts";
import { type Generation, generations } from "./mlflow-client.ts";
import { startRealServer } from "./real-server.ts";

export interface Place {
  name: string;
  address: string;
  close(): Promise<void>;
}

/** The version of `mlflow server` that `MLFLOW_CHECKS_REAL` names, to be checked in Millrace's place. */
export function realGeneration(): Generation | undefined {
  const given = process.env["MLFLOW_CHECKS_REAL"];
  if (!given) return undefined;
  const known = Object.keys(generations) as Generation[]; // its keys are all there is
  const generation = known.find((each) => each === given);
  if (generation === undefined) throw new Error(`MLFLOW_CHECKS_REAL is "${given}". It may be ${known.join(" or ")}.`);
  return generation;
}

export async function startPlaces(): Promise<Place[]> {
  const generation = realGeneration();
  if (generation !== undefined) return [{ name: `mlflow server ${generation}`, ...(await startRealServer(generation)) }];
  const [sqlite, postgres] = await Promise.all([openMlflowPlace(), openMlflowPlace({ postgres: inject("postgres") })]);
  return [
    { name: "Millrace on SQLite", address: sqlite.address, close: () => sqlite.close() },
    { name: "Millrace on PostgreSQL", address: postgres.address, close: () => postgres.close() },
  ];
}
