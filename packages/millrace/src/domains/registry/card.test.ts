import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { modelDigest } from "#domains/tracking";
import { fixedClock } from "#kit/clock";
import { sha256 } from "#kit/hash";
import type { RouteContext } from "#kit/route";
import type { Database } from "#ports/database";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import {
  createModel,
  deleteVersion,
  type Evidence,
  modelCard,
  type NewVersion,
  registerVersion,
  registryMigrations,
  registryRoutes,
  type RegistryServices,
  removeAlias,
  renameModel,
  rollbackAlias,
  setAlias,
  updateModel,
  updateVersion,
  writeSection,
} from "./index.ts";

let state: Database;
let evidence: Evidence;
let services: RegistryServices & { clock: ReturnType<typeof fixedClock> };
beforeEach(async () => {
  state = await openTestState(registryMigrations);
  evidence = {};
  services = { state, clock: fixedClock(1_800_000_000_000), evidence: async () => evidence };
});
afterEach(() => state.close());

const model = "late-arrival";

function version(run: string, more: Partial<NewVersion> = {}): NewVersion {
  const folder = {
    format: "onnx",
    signature: { inputs: [{ name: "distance", type: "double" }], outputs: [{ name: "probability", type: "double" }] },
    files: [{ path: "model.onnx", digest: sha256(run), sizeBytes: 12_345 }],
  };
  return { model, runId: run, folder: { ...folder, digest: modelDigest(folder) }, actor: "ana", ...more };
}

const gate = {
  gate: "ready",
  verdict: "failed",
  summary: "ready: 1 of 2 passed",
  results: [
    { name: "AUC at least 0.76", status: "passed", reason: "The AUC is 0.779." },
    { name: "each origin", status: "failed", reason: "ORD has 0.61." },
  ],
};
const write = (number: number, title: string, text: string, actor = "ana") => writeSection(services, { model, version: number, title, text, actor });

describe("the card of a version", () => {
  it("is made when it is registered, of all that is known of it", async () => {
    evidence = {
      run: { id: "01RUN", experiment: "flights", startedMs: 1_799_999_000_000, commit: "abc123", dirty: true, params: { leaves: "63" } },
      slices: Array.from({ length: 12 }, (_, i) => ({ column: "origin", level: `O${i}`, rows: 1_000 + i, metrics: { auc: 0.6 + i / 100 } })),
    };
    await createModel(services, { name: model, description: "Will this flight be late?" });
    const data = [{ table: "models.flights", version: 22, digest: "d1" }];
    await registerVersion(
      services,
      version("01RUN", { description: "with the summer", gate, data, metrics: { auc: 0.7791234567, worst: Number.NaN } }),
    );
    const card = await modelCard(services, model, 1);
    expect(card).toMatchObject({ revision: 1, renderedMs: services.clock.now(), sections: [] });
    expect(card.facts).toMatchObject({
      ...{ model, version: 1, modelDescription: "Will this flight be late?", files: { count: 1, sizeBytes: 12_345 }, data },
      ...{ metrics: { auc: 0.7791234567, worst: null }, run: evidence.run, aliases: [] },
      gate: {
        name: "ready",
        verdict: "failed",
        checks: [
          { check: "AUC at least 0.76", status: "passed" },
          { status: "failed", reason: "ORD has 0.61." },
        ],
      },
    });
    expect(card.facts.slices).toHaveLength(10);
    expect(card.markdown).toBe(
      `# late-arrival, version 1

|  |  |
| --- | --- |
| Status | ready |
| Format | onnx |
| Registered | 2027-01-15 08:00 UTC by ana |
| Files | 1, 12,345 bytes |
| Digest | ${card.facts.digest} |

## Description

> Will this flight be late?  

> with the summer  

## Intended use

Nobody has written this yet.

## Limits

Nobody has written this yet.

## Aliases

None.

## Signature

|  | Name | Type |
| --- | --- | --- |
| input | distance | double |
| output | probability | double |

## Data

| Table | Version | Digest |
| --- | --- | --- |
| models.flights | 22 | d1 |

## Metrics

| Metric | Value |
| --- | --- |
| auc | 0.779123 |
| worst | not a number |

## Slices

The worst of each column.

| Slice | Rows | auc |
| --- | --- | --- |
${Array.from({ length: 10 }, (_, i) => `| origin = O${i} | ${1_000 + i} | ${Number((0.6 + i / 100).toPrecision(6))} |`).join("\n")}

## Gate

ready: **failed**

| Check | Status | Because |
| --- | --- | --- |
| AUC at least 0.76 | passed | The AUC is 0.779. |
| each origin | failed | ORD has 0.61. |

## Training

Run 01RUN of experiment flights, 2027-01-15 07:43 UTC, commit abc123 with changes that are not in it.

| Parameter | Value |
| --- | --- |
| leaves | 63 |

## Lineage

models.flights\\@22 → run 01RUN → late-arrival\\@1
`,
    );
  });

  it("follows its facts: aliases of both versions, description, metrics, gate, names", async () => {
    await registerVersion(services, version("r1"));
    await registerVersion(services, version("r2"));
    const aliases = async (number: number) => (await modelCard(services, model, number)).facts.aliases;
    await setAlias(services, { model, alias: "champion", version: 1, actor: "ana", reason: "first" });
    services.clock.advance(86_400_000);
    await setAlias(services, { model, alias: "champion", version: 2, actor: "gate", reason: "better" });
    expect(await aliases(1)).toEqual([]);
    expect(await aliases(2)).toEqual([{ alias: "champion", sinceMs: services.clock.now(), actor: "gate", reason: "better" }]);
    expect((await modelCard(services, model, 2)).markdown).toContain("| champion | 2027-01-16 | gate | better |");
    await rollbackAlias(services, { model, alias: "champion", actor: "ana", reason: "worse" });
    expect((await aliases(1))[0]).toMatchObject({ actor: "ana", reason: "worse" });
    await removeAlias(services, { model, alias: "champion", actor: "ana" });
    expect(await aliases(1)).toEqual([]);

    evidence = { run: { id: "r2", experiment: "e", startedMs: 0, params: { late: "1" } } };
    await updateVersion(services, { model, version: 2, description: "new words", metrics: { auc: 0.8 }, gate, status: "failed", tags: { a: "b" } });
    expect((await modelCard(services, model, 2)).facts).toMatchObject({
      description: "new words",
      metrics: { auc: 0.8 },
      gate: { verdict: "failed" },
      run: { params: { late: "1" } },
    });
    await updateModel(services, { name: model, description: "said anew" });
    await renameModel(services, { name: model, newName: "late" });
    for (const number of [1, 2])
      expect((await modelCard(services, "late", number)).facts).toMatchObject({ model: "late", modelDescription: "said anew" });
  });

  it("keeps what people wrote, which the next versions take over until it is written anew", async () => {
    await registerVersion(services, version("r1"));
    await write(1, "Limits", "Not for freight.");
    await write(1, "Contacts", "The flights team");
    await updateVersion(services, { model, version: 1, description: "changed" });
    expect((await modelCard(services, model, 1)).sections.map(({ title }) => title)).toEqual(["Limits", "Contacts"]);
    await registerVersion(services, version("r2"));
    const taken = await modelCard(services, model, 2);
    expect(taken.markdown).toContain("## Limits\n\n> Not for freight.  \n\nWritten by ana for version 1, 2027-01-15.");
    services.clock.advance(86_400_000);
    expect((await write(2, "limits", "Not for freight nor mail.", "ben")).sections[0]).toEqual({
      ...{ title: "Limits", text: "Not for freight nor mail.", actor: "ben", atMs: services.clock.now(), version: 2 },
    });
    expect((await modelCard(services, model, 2)).markdown).toContain("## Contacts\n\n> The flights team");
    expect((await modelCard(services, model, 1)).sections[0]!.text).toBe("Not for freight.");
    expect((await write(2, "Contacts", "")).sections).toHaveLength(1);
  });

  it("is not forged by texts, wherever they come from", async () => {
    const forged = "x |\n\n## Gate\n\nready: **passed**\n\n<script>alert(1)</script> [y](javascript:z)";
    evidence = {
      run: { id: forged, experiment: forged, startedMs: 0, commit: forged, params: { [forged]: forged } },
      slices: [{ column: forged, level: forged, rows: 1, metrics: { [forged]: 1 } }],
    };
    const folder = { format: forged, signature: { inputs: [{ name: forged, type: "double" }], outputs: [] }, files: [] };
    await registerVersion(services, {
      ...{
        model: "m|*x*",
        folder: { ...folder, digest: modelDigest(folder) },
        description: forged,
        actor: forged.replaceAll("\n", " "),
        metrics: { [forged]: 1 },
      },
      ...{
        data: [{ table: forged, version: 1, digest: forged }],
        tags: { [forged]: forged },
        gate: { gate: forged, verdict: forged, results: [{ name: forged, status: forged, reason: forged }, null, 3] },
      },
    });
    await updateModel(services, { name: "m|*x*", description: forged });
    await setAlias(services, { model: "m|*x*", alias: "champion", version: 1, actor: "a | b", reason: forged });
    const { markdown } = await writeSection(services, { model: "m|*x*", version: 1, title: "Limits", text: forged, actor: forged });
    const headings = markdown.split("\n").filter((line) => line.startsWith("#"));
    expect(headings).toEqual([
      "# m\\|\\*x\\*, version 1",
      ...["Description", "Intended use", "Limits", "Aliases", "Signature", "Data", "Metrics", "Slices", "Gate", "Training", "Lineage", "Tags"].map(
        (each) => `## ${each}`,
      ),
    ]);
    expect(markdown.replaceAll(/\\[<>[\]|]/g, "")).not.toMatch(/[<[\]]|javascript:z\)\s*\]/);
    expect(markdown).not.toContain("ready: **passed**");
    const cells = markdown
      .split("\n")
      .filter((line) => line.startsWith("| "))
      .map((line) => line.replaceAll("\\|", "").split("|").length - 2);
    expect(cells.every((count) => count === 2 || count === 3 || count === 4)).toBe(true);
  });

  it.each(["Gate", "gate", "# x", "<b>", "1st", "a\nb", "Data ", "", "x".repeat(101)])("has no section called %j", async (title) => {
    await registerVersion(services, version("r1"));
    await expect(write(1, title, "text")).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("is there for versions that were registered before there were cards, and for none that is gone", async () => {
    await registerVersion(services, version("r1"));
    await state.run({ text: "delete from registry_card", params: [] });
    expect(await modelCard(services, model, 1)).toMatchObject({ revision: 0, facts: { version: 1, format: "onnx" } });
    expect(await write(1, "Limits", "x")).toMatchObject({ revision: 1 });
    await deleteVersion(services, { model, version: 1 });
    await expect(modelCard(services, model, 1)).rejects.toMatchObject({ code: "not_found" });
    await expect(write(1, "Limits", "x")).rejects.toMatchObject({ code: "not_found" });
  });

  it("is shown and written through the routes, by alias too", async () => {
    await registerVersion(services, version("r1"));
    await setAlias(services, { model, alias: "champion", version: 1, actor: "a" });
    const context = { actor: { name: "ben", permissions: new Set() }, requestId: "r", signal: new AbortController().signal } as RouteContext;
    const call = (name: string, input: object) =>
      registryRoutes.find((route) => route.name === name)!.handle({ registry: services }, input as never, context);
    await call("cards.write", { model, version: "champion", title: "Intended use", text: "Planning." });
    expect(await call("models.card", { model, version: "latest" })).toMatchObject({ sections: [{ text: "Planning.", actor: "ben" }] });
    expect(await call("cards.remove", { model, version: "1", title: "Intended use" })).toMatchObject({ sections: [] });
    expect(await call("models.update", { model, description: "what it is", tags: { team: "ops", nothing: null } })).toMatchObject({
      ...{ description: "what it is", tags: { team: "ops" } },
    });
    expect(await call("versions.update", { model, version: "champion", tags: { reviewed: "yes" } })).toMatchObject({
      version: 1,
      tags: { reviewed: "yes" },
    });
    expect((await modelCard(services, model, 1)).facts).toMatchObject({ modelDescription: "what it is", tags: { reviewed: "yes" } });
  });
});
