import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { AppError } from "#kit/app-error";
import { closestName } from "#kit/close-names";
import { compile } from "./compile.ts";
import type { DbtRendering } from "./dbt-context.ts";
import type { Template } from "./jinja-ast.ts";
import { parseTemplate } from "./jinja-parser.ts";
import { templateError, templateSource, type TemplateSource } from "./jinja-source.ts";
import { ValueFault, toHost, type Value } from "./jinja-values.ts";
import {
  modelConfigSchema,
  type Mention,
  type Model,
  type ModelConfig,
  type ProjectGraph,
  type RenderSettings,
  type SingularTest,
  type SourceName,
} from "./model.ts";
import { dependencyOrder } from "./model-order.ts";
import { readTests } from "./model-tests.ts";

export interface LoadOptions {
  /** The project's folder; models lie in its `models/`, macros in `macros/`, tests in `tests/`. */
  folder: string;
  vars?: Record<string, unknown>;
  environment?: Record<string, string | undefined>;
  targetName?: string;
  onLog?: (message: string) => void;
}

/**
 * Reads a project's SQL: parses every template, collects what each mentions and configures, and puts the models in dependency order.
 * Nothing is run. Throws `sql_error` for templates and unknown names (with file, line and column), `invalid_definition` for
 * configurations, two models of one name, and models that depend on themselves.
 */
export async function loadModels(options: LoadOptions): Promise<ProjectGraph> {
  const settings: RenderSettings = {
    vars: options.vars ?? {},
    environment: options.environment ?? {},
    targetName: options.targetName ?? "dev",
    onLog: options.onLog ?? (() => undefined),
  };
  const macros = await readTemplates(options.folder, "macros/**/*.sql");
  refuseTwins(macros);
  const project = { settings, macros };
  const files = await readTemplates(options.folder, "models/**/*.sql");
  const loaded = files.map(({ source, template }) => loadModel(project, source, template));
  const models = new Map<string, LoadedModel>();
  for (const model of loaded) {
    const twin = models.get(model.model.name);
    if (twin !== undefined) {
      throw new AppError("invalid_definition", `Two files define the model \`${model.model.name}\`: ${twin.model.file} and ${model.model.file}.`, {
        hint: "Rename one of them: a model is called by the name of its file.",
      });
    }
    models.set(model.model.name, model);
  }
  for (const { model, mentions } of models.values()) if (model.config.enabled) checkMentions(mentions, models);
  const enabled = new Map([...models].filter(([, { model }]) => model.config.enabled).map(([name, { model }]) => [name, model]));
  const tests = (await readTemplates(options.folder, "tests/**/*.sql")).map(({ source, template }) => loadTest(project, source, template, models));
  return { folder: options.folder, models: dependencyOrder(enabled), tests, macros, settings };
}

interface LoadedModel {
  model: Model;
  mentions: Mention<string>[];
}

async function readTemplates(folder: string, pattern: string): Promise<{ source: TemplateSource; template: Template }[]> {
  const files = globSync(pattern, { cwd: folder }).toSorted();
  return Promise.all(
    files.map(async (file) => {
      const source = templateSource(file.replaceAll("\\", "/"), await readFile(join(folder, file), "utf8"));
      return { source, template: parseTemplate(source) };
    }),
  );
}

function refuseTwins(macros: { source: TemplateSource; template: Template }[]): void {
  const owner = new Map<string, string>();
  for (const { source, template } of macros) {
    for (const node of template.body) {
      if (node.type !== "macro") continue;
      const twin = owner.get(node.macro.name);
      if (twin !== undefined) throw templateError({ source, at: node.at }, `The macro \`${node.macro.name}\` is defined in ${twin} as well.`);
      owner.set(node.macro.name, source.file);
    }
  }
}

/** Renders a model as a first build and as an incremental one, so that what either mentions is known. */
function loadModel(project: Pick<ProjectGraph, "settings" | "macros">, source: TemplateSource, template: Template): LoadedModel {
  const name = basename(source.file, ".sql");
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new AppError("invalid_definition", `${source.file}: \`${name}\` cannot be the name of a model.`, {
      hint: "Name the file with letters, digits and `_`, starting with a letter.",
    });
  }
  const first = compile(project, template, { name, execute: false }).rendering;
  const again = compile(project, template, { name, execute: false, isIncremental: true }).rendering;
  const config = readConfig(source.file, first);
  const { tests, relations } = testsOf(name, source.file, first);
  const testRelations = new Set([...relations, ...testsOf(name, source.file, again).relations]);
  const mentions = [...first.refs, ...again.refs];
  const refs = unique(mentions.filter(({ relation }) => relation.isRendered() || !testRelations.has(relation)).map((mention) => mention.name));
  const model: Model = {
    name,
    file: source.file,
    template,
    config,
    tests,
    refs,
    testRefs: unique(mentions.map((mention) => mention.name)).filter((other) => !refs.includes(other)),
    sources: uniqueSources([...first.sources, ...again.sources]),
  };
  return { model, mentions };
}

function testsOf(model: string, file: string, rendering: DbtRendering): ReturnType<typeof readTests> {
  const declared = rendering.config.get("tests");
  return declared === undefined ? { tests: [], relations: new Set() } : readTests(model, file, declared);
}

/** What changes where a model goes or what else runs: ignoring it would do something else than the file says. */
const unsupportedKeys = ["pre_hook", "post_hook", "alias", "schema", "database"];
/** Keys of dbt's that mean nothing here. */
const ignoredKeys = [
  "persist_docs",
  "on_schema_change",
  "columns",
  "docs",
  "group",
  "access",
  "contract",
  "indexes",
  "grants",
  "cluster_by",
  "partition_by",
];

function readConfig(file: string, rendering: DbtRendering): ModelConfig {
  const known = Object.keys(modelConfigSchema.shape);
  const given: Record<string, unknown> = {};
  for (const [key, value] of rendering.config) {
    if (key === "tests") continue;
    if (unsupportedKeys.includes(key)) {
      throw new AppError("unsupported", `${file}: the configuration \`${key}\` is not supported.`, {
        hint: "A model is one table, `models.<name of the file>`; put what the hook does into a model or a step.",
      });
    }
    const close = known.includes(key) || ignoredKeys.includes(key) ? undefined : closestName(key, [...known, "tests"]);
    if (close !== undefined) {
      throw new AppError("invalid_definition", `${file}: there is no configuration \`${key}\`.`, { hint: `Did you mean \`${close}\`?` });
    }
    if (known.includes(key)) given[key] = plainValue(file, key, value);
  }
  const parsed = modelConfigSchema.safeParse(given);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new AppError("invalid_definition", `${file}: the configuration \`${issue.path.join(".")}\` cannot be used: ${issue.message}.`, {
      hint: "See `config(…)` at the top of the file.",
      details: { file, path: issue.path },
    });
  }
  const config = parsed.data;
  if (config.incremental_strategy !== undefined && config.incremental_strategy !== "append" && config.unique_key.length === 0) {
    throw new AppError("invalid_definition", `${file}: the incremental strategy \`${config.incremental_strategy}\` needs a \`unique_key\`.`, {
      hint: "Add unique_key='…', or use incremental_strategy='append'.",
    });
  }
  return config;
}

function plainValue(file: string, key: string, value: Value): unknown {
  try {
    return toHost(value);
  } catch (error) {
    if (!(error instanceof ValueFault)) throw error;
    throw new AppError("invalid_definition", `${file}: the configuration \`${key}\` cannot be used: ${error.message}`, { cause: error });
  }
}

function loadTest(
  project: Pick<ProjectGraph, "settings" | "macros">,
  source: TemplateSource,
  template: Template,
  models: Map<string, LoadedModel>,
): SingularTest {
  const name = basename(source.file, ".sql");
  const { rendering } = compile(project, template, { name, execute: false });
  checkMentions(rendering.refs, models);
  if (rendering.refs.length === 0) {
    throw new AppError("invalid_definition", `${source.file}: this test reads no model.`, { hint: "Name what it tests by {{ ref('…') }}." });
  }
  const severity = rendering.config.get("severity");
  return {
    name,
    file: source.file,
    template,
    refs: unique(rendering.refs.map((mention) => mention.name)),
    sources: uniqueSources(rendering.sources),
    severity: typeof severity === "string" && severity.toLowerCase() === "warn" ? "warn" : "error",
  };
}

function checkMentions(mentions: Mention<string>[], models: Map<string, LoadedModel>): void {
  for (const { name, position } of mentions) {
    const found = models.get(name);
    if (found?.model.config.enabled === true) continue;
    const close = closestName(name, models.keys());
    const reason = found === undefined ? `There is no model \`${name}\`.` : `The model \`${name}\` is switched off (enabled=false).`;
    const all = [...models.keys()].toSorted();
    const hint = close !== undefined && found === undefined ? `Did you mean \`${close}\`?` : `The project has: ${all.slice(0, 20).join(", ")}.`;
    throw templateError(position, reason, { hint });
  }
}

function unique(names: string[]): string[] {
  return [...new Set(names)].toSorted();
}

function uniqueSources(mentions: Mention<SourceName>[]): SourceName[] {
  const byName = new Map(mentions.map(({ name }) => [`${name.schema}.${name.table}`, name]));
  return [...byName.keys()].toSorted().map((key) => byName.get(key)!);
}
