import { bindArguments } from "./jinja-arguments.ts";
import { closestName } from "#kit/close-names";
import { baseGlobals, zipLists } from "./jinja-globals.ts";
import type { Template } from "./jinja-ast.ts";
import { loadModule } from "./jinja-render.ts";
import { lookUp, type Run, type Scope } from "./jinja-runtime.ts";
import { toText } from "./jinja-text.ts";
import { pythonJson } from "./jinja-value-filters.ts";
import { ValueFault, callable, fromHost, isDict, orElse, truthy, type Callable, type HostObject, type Value } from "./jinja-values.ts";
import { compiledDatabase, relation, type Relation } from "./dbt-relation.ts";
import type { Mention, RenderSettings, SourceName } from "./model.ts";
import { modelSchema } from "./model.ts";

/** What a rendering is for, and what it notes on the way. */
export interface DbtRendering {
  /** Name of the model, singular test or generic test being rendered. */
  name: string;
  /** Database that relations print with. */
  database: string;
  /** False while a project is read: `ref` and `source` are noted then, and nothing is looked up. */
  execute: boolean;
  isIncremental: boolean;
  fullRefresh: boolean;
  settings: RenderSettings;
  macros: { template: Template }[];
  /** Names that go before all others, such as the arguments of a generic test. */
  extra?: Map<string, Value>;
  refs: (Mention<string> & { relation: Relation })[];
  sources: Mention<SourceName>[];
  /** Everything that `config(…)` was given, later calls over earlier ones. */
  config: Map<string, Value>;
}

/** The names that dbt gives to a template: `ref`, `source`, `config`, `this`, `var`, `target` and so on, and the project's macros. */
export function dbtGlobals(rendering: DbtRendering, run: Run): Scope {
  const names = baseGlobals();
  const { settings, database } = rendering;
  const here = () => ({ source: run.source, at: run.at });
  const add = (name: string, parameters: string, call: (bound: ReturnType<typeof bindArguments>) => Value) =>
    names.set(
      name,
      callable(name, (args, named) => call(bindArguments(name, parameters, args, named))),
    );

  names.set(
    "ref",
    callable("ref", (args, named) => {
      const bound = bindArguments("ref", args.length === 2 ? "package, model, version?, v?" : "model, version?, v?", args, named);
      if (bound.get("version") !== undefined || bound.get("v") !== undefined) throw new ValueFault("`ref` to a version of a model is not supported.");
      const name = nameArgument("ref", bound.get("model")!);
      const result = relation(database, modelSchema, name);
      rendering.refs.push({ name, position: here(), relation: result });
      return result;
    }),
  );
  add("source", "schema, table", (bound) => {
    const name = { schema: nameArgument("source", bound.get("schema")!), table: nameArgument("source", bound.get("table")!) };
    rendering.sources.push({ name, position: here() });
    return relation(database, name.schema, name.table);
  });
  names.set("this", relation(database, modelSchema, rendering.name));
  names.set("config", configFunction(rendering));
  add("var", "name, default?", (bound) => readSetting("variable", settings.vars, bound));
  add("env_var", "name, default?", (bound) => readSetting("environment variable", settings.environment, bound));
  add("is_incremental", "", () => rendering.isIncremental);
  add("should_full_refresh", "", () => rendering.fullRefresh);
  add("log", "msg, info?", (bound) => {
    if (rendering.execute) settings.onLog(toText(bound.get("msg")!));
    return "";
  });
  add("print", "msg", (bound) => {
    if (rendering.execute) settings.onLog(toText(bound.get("msg")!));
    return "";
  });
  add("tojson", "value, default?, sort_keys?", (bound) =>
    pythonJson(bound.get("value")!, undefined, { sortKeys: truthy(bound.get("sort_keys") ?? false) }),
  );
  add("fromjson", "text, default?", (bound) => {
    try {
      return fromHost(JSON.parse(toText(bound.get("text")!)));
    } catch (error) {
      if (bound.get("default") !== undefined) return bound.get("default")!;
      throw new ValueFault(`\`fromjson\` was given what is not JSON: ${error instanceof Error ? error.message : String(error)}.`);
    }
  });
  names.set("zip", callable("zip", zipLists));
  names.set("execute", rendering.execute);
  names.set("schema", modelSchema);
  names.set("database", compiledDatabase);
  names.set("target", targetDict(settings.targetName));
  names.set(
    "model",
    fromHost({ name: rendering.name, alias: rendering.name, schema: modelSchema, database: compiledDatabase, resource_type: "model" }),
  );
  names.set("flags", fromHost({ FULL_REFRESH: rendering.fullRefresh, WHICH: "build" }));
  names.set("exceptions", exceptions(settings));
  names.set(
    "adapter",
    adapter(() => globals),
  );
  for (const name of ["run_query", "statement", "load_result", "run_started_at", "invocation_id"]) names.set(name, notOffered(name));

  const extra = rendering.extra ?? new Map<string, Value>();
  const globals: Scope = { names: new Map([...names, ...extra]), parent: undefined };
  const macros = macroFinder(rendering.macros, globals, run);
  globals.resolve = (name) => macros(name);
  return globals;
}

/** Macros of the project's files, each file evaluated when one of its macros is first named. */
function macroFinder(files: DbtRendering["macros"], globals: Scope, run: Run): (name: string) => Value | undefined {
  const loaded = new Map<Template, Scope>();
  const owner = new Map<string, Template>();
  for (const { template } of files) for (const node of template.body) if (node.type === "macro") owner.set(node.macro.name, template);
  return (name) => {
    const template = owner.get(name);
    if (template === undefined) return undefined;
    let scope = loaded.get(template);
    if (scope === undefined) {
      scope = loadModule(template, globals, run);
      loaded.set(template, scope);
    }
    return scope.names.get(name);
  };
}

function nameArgument(functionName: string, value: Value): string {
  const name = toText(value);
  if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) return name;
  throw new ValueFault(`\`${functionName}\` needs plain names, not ${JSON.stringify(name)}.`);
}

function readSetting(what: string, values: Record<string, unknown>, bound: ReturnType<typeof bindArguments>): Value {
  const name = toText(bound.get("name")!);
  if (Object.hasOwn(values, name) && values[name] !== undefined) return fromHost(values[name]);
  const fallback = bound.get("default");
  if (fallback !== undefined) return fallback;
  const close = closestName(name, Object.keys(values));
  throw new ValueFault(
    `The ${what} \`${name}\` is not set, and there is no default.`,
    close === undefined || what !== "variable" ? "Set it, or give a default as second argument." : `Did you mean \`${close}\`?`,
  );
}

/** `config(materialized='table')` notes; `config.get('x')` and `config.require('x')` read what was noted. */
function configFunction(rendering: DbtRendering): Callable {
  const { config } = rendering;
  return {
    type: "callable",
    name: "config",
    call: (args, named) => {
      const given = new Map(named);
      if (args.length === 1 && isDict(args[0]!)) for (const { key, value } of args[0].entries.values()) given.set(toText(key), value);
      else if (args.length > 0) throw new ValueFault("`config` takes named values, such as `config(materialized='table')`.");
      for (const [key, value] of given) config.set(key, value);
      return "";
    },
    attributes: (name) => {
      if (name === "get")
        return callable("get", (args, named) => {
          const bound = bindArguments("config.get", "name, default?, validator?", args, named);
          return orElse(config.get(toText(bound.get("name")!)), () => bound.get("default") ?? null);
        });
      if (name === "require")
        return callable("require", (args, named) => {
          const key = toText(bindArguments("config.require", "name, validator?", args, named).get("name")!);
          return orElse(config.get(key), () => {
            throw new ValueFault(`The configuration \`${key}\` is required here but not set.`);
          });
        });
      return undefined;
    },
  };
}

function targetDict(targetName: string): Value {
  return fromHost({
    name: targetName,
    target_name: targetName,
    profile_name: "millrace",
    type: "duckdb",
    schema: modelSchema,
    database: compiledDatabase,
    threads: 1,
  });
}

function exceptions(settings: RenderSettings): HostObject {
  return {
    type: "host",
    kind: "exceptions",
    render: () => "<exceptions>",
    attribute: (name) => {
      if (name === "raise_compiler_error")
        return callable(name, (args, named) => {
          throw new ValueFault(toText(bindArguments(name, "msg, node?", args, named).get("msg")!));
        });
      if (name === "warn")
        return callable(name, (args, named) => {
          settings.onLog(toText(bindArguments(name, "msg, node?", args, named).get("msg")!));
          return "";
        });
      return undefined;
    },
  };
}

/** `adapter.dispatch('x')` finds `duckdb__x`, then `default__x`. */
function adapter(globals: () => Scope): HostObject {
  return {
    type: "host",
    kind: "adapter",
    render: () => "<adapter>",
    attribute: (name) => {
      if (name === "quote")
        return callable(name, (args, named) => `"${toText(bindArguments("quote", "identifier", args, named).get("identifier")!)}"`);
      if (name !== "dispatch") return undefined;
      return callable(name, (args, named) => {
        const macro = toText(bindArguments("dispatch", "macro_name, macro_namespace?, packages?", args, named).get("macro_name")!);
        for (const prefix of ["duckdb__", "default__"]) {
          const found = lookUp(globals(), prefix + macro);
          if (found !== undefined) return found;
        }
        throw new ValueFault(`There is no macro \`duckdb__${macro}\` or \`default__${macro}\`.`);
      });
    },
  };
}

function notOffered(name: string): HostObject {
  const refuse = () => {
    throw new ValueFault(`\`${name}\` is not offered to templates: a model is compiled without asking the database or the clock.`);
  };
  return { type: "host", kind: name, render: refuse, attribute: refuse, call: refuse };
}
