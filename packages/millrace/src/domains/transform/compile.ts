import { dbtGlobals, type DbtRendering } from "./dbt-context.ts";
import { compiledDatabase } from "./dbt-relation.ts";
import type { Template } from "./jinja-ast.ts";
import { renderIn, startRun } from "./jinja-render.ts";
import type { TemplateSource } from "./jinja-source.ts";
import type { Value } from "./jinja-values.ts";
import type { ProjectGraph, RenderSettings } from "./model.ts";

/** SQL that a template was rendered to. `pieces` tell which place of which file each stretch comes from. */
export interface CompiledSql {
  file: string;
  sql: string;
  pieces: { text: string; source: TemplateSource; at: number }[];
}

export interface CompileOptions {
  name: string;
  /** Database that relations stand in. Default: the fixed one, so that equal code gives equal text. */
  database?: string;
  isIncremental?: boolean;
  fullRefresh?: boolean;
  execute?: boolean;
  extra?: Map<string, Value>;
}

/** Renders a template with dbt's names, and gives what it mentioned and configured beside the SQL. */
export function compile(
  project: { settings: RenderSettings; macros: ProjectGraph["macros"] },
  template: Template,
  options: CompileOptions,
): { compiled: CompiledSql; rendering: DbtRendering } {
  const run = startRun(template);
  const rendering: DbtRendering = {
    name: options.name,
    database: options.database ?? compiledDatabase,
    execute: options.execute ?? true,
    isIncremental: options.isIncremental ?? false,
    fullRefresh: options.fullRefresh ?? false,
    settings: project.settings,
    macros: project.macros,
    ...(options.extra !== undefined && { extra: options.extra }),
    refs: [],
    sources: [],
    config: new Map(),
  };
  const { text, pieces } = renderIn(run, template, dbtGlobals(rendering, run));
  return { compiled: { file: template.source.file, sql: text, pieces }, rendering };
}
