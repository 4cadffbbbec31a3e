import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "#kit/app-error";
import type { Clock } from "#kit/clock";
import { writeFileIfAbsent } from "#kit/files";
import { newId } from "#kit/id";
import { sql } from "#kit/sql";
import type { Database } from "#ports/database";
import type { Project } from "./load-project.ts";

/** What of a project may claim something in the state that several homes share. */
export interface ClaimServices {
  state: Database;
  clock: Clock;
  project: Pick<Project, "config" | "home">;
}

/**
 * Homes that share one state must be of one project and see one set of blobs: the state speaks of blobs by their keys alone. The
 * first home says which, and a home that differs is refused with `invalid_config`. State in the home itself needs no such check.
 */
export async function claimState(services: ClaimServices): Promise<void> {
  const { state, project } = services;
  if (!state.capabilities.sharedByProcesses) return;
  const { name, blobs } = project.config;
  const owner = await claim(services, "project", name);
  if (owner !== name) {
    throw new AppError("invalid_config", `The state database belongs to project "${owner}", not to "${name}".`, {
      hint: 'Give each project a schema of its own: postgres(url, { schema: "..." }).',
    });
  }
  const place = blobs.kind === "s3" ? `s3://${blobs.bucket}/${blobs.prefix ?? ""}` : `home ${await homeId(project.home)}`;
  const known = await claim(services, "blobs", place);
  if (known === place) return;
  const are = known.startsWith("home ") ? "in the folder of another home" : `in ${known}`;
  const says = blobs.kind === "s3" ? place : "the local folder";
  throw new AppError("invalid_config", `The blobs that the state database speaks of lie ${are}; the configuration says ${says}.`, {
    hint: "Homes that share a state share their blobs too: name the same `blobs: s3(...)`, or give this home a schema of its own.",
  });
}

/**
 * Claims a name that reads or writes topics for this home, for ever: the embedded log is part of the home, and what the state knows
 * of an endpoint or a replay are places in that log. Throws `conflict` in any other home.
 */
export async function claimForHome(services: ClaimServices, kind: "endpoint" | "replay", name: string): Promise<void> {
  if (!services.state.capabilities.sharedByProcesses) return;
  const id = await homeId(services.project.home);
  if ((await claim(services, `${kind} ${name}`, id)) === id) return;
  throw new AppError("conflict", `The ${kind} "${name}" is at work in another home of this project, where its topics are.`, {
    hint: kind === "endpoint" ? "Ask it there, over its server, or give the endpoint here a name of its own." : "Play it there.",
  });
}

/** Who holds it: the one that asked first. */
async function claim({ state, clock }: ClaimServices, what: string, holder: string): Promise<string> {
  const find = () => state.get<{ holder: string }>(sql`select holder from project_claim where what = ${what}`);
  const found = await find();
  if (found) return found.holder;
  await state.run(
    sql`insert into project_claim (what, holder, claimed_ms) values (${what}, ${holder}, ${clock.now()}) on conflict (what) do nothing`,
  );
  return (await find())!.holder; // rows are never taken away
}

/** Names a home, wherever its folder is moved. */
async function homeId(home: string): Promise<string> {
  const path = join(home, "home-id");
  if (!existsSync(path)) await writeFileIfAbsent(path, `${newId()}\n`);
  return (await readFile(path, "utf8")).trim();
}
