import type { MacroDefinition, Statement, Target, Template } from "./jinja-ast.ts";
import { evaluate, evaluateArguments, evaluateFilter, callValue } from "./jinja-evaluate.ts";
import { filters } from "./jinja-filters.ts";
import { loopObject, type LoopState } from "./jinja-loop.ts";
import { defaultLimits, innerScope, located, lookUp, step, textOf, write, type Limits, type Output, type Run, type Scope } from "./jinja-runtime.ts";
import { tests } from "./jinja-tests.ts";
import { ReturnSignal } from "./jinja-return.ts";
import { toText } from "./jinja-text.ts";
import {
  ValueFault,
  dict,
  isHost,
  itemsOf,
  orElse,
  truthy,
  tuple,
  typeName,
  undefinedFault,
  undefinedValue,
  type Callable,
  type Value,
} from "./jinja-values.ts";

export interface RenderOptions {
  /** Names that every template sees, besides its own. */
  globals: Scope;
  limits?: Partial<Limits>;
}

/** Renders a template. `pieces` tell for each stretch of the text which place of which template wrote it. */
export function renderTemplate(template: Template, options: RenderOptions): { text: string; pieces: Output["pieces"] } {
  return renderIn(startRun(template, options.limits), template, options.globals);
}

/** Runs a file of macros within a rendering and gives its names; what it writes is dropped. `run` is shared so that limits count on. */
export function loadModule(template: Template, globals: Scope, run: Run): Scope {
  const scope = innerScope(globals);
  const caller = { source: run.source, at: run.at };
  run.source = template.source;
  renderBody(template.body, scope, { pieces: [] }, run);
  Object.assign(run, caller);
  return scope;
}

export function startRun(template: Template, limits: Partial<Limits> = {}): Run {
  return { filters, tests, limits: { ...defaultLimits, ...limits }, steps: 0, written: 0, source: template.source, at: 0, calls: [] };
}

/** As `renderTemplate`, in a run that the caller started (because its globals need it). */
export function renderIn(run: Run, template: Template, globals: Scope): { text: string; pieces: Output["pieces"] } {
  const output: Output = { pieces: [] };
  guarded(run, () => renderBody(template.body, innerScope(globals), output, run));
  return { text: textOf(output), pieces: output.pieces };
}

function guarded(run: Run, render: () => void): void {
  try {
    render();
  } catch (thrown) {
    if (thrown instanceof ValueFault) throw located(run, thrown);
    if (thrown instanceof ReturnSignal) throw located(run, new ValueFault("`return` is used outside of a macro."));
    if (thrown instanceof RangeError) throw located(run, new ValueFault("The template is nested too deeply to evaluate."));
    throw thrown;
  }
}

/** How a body ended: by itself, or by `break` or `continue` of the loop around it. */
type Ending = "end" | "break" | "continue";

function renderBody(body: Statement[], scope: Scope, output: Output, run: Run): Ending {
  for (const statement of body) {
    const ending = renderStatement(statement, scope, output, run);
    if (ending !== "end") return ending;
  }
  return "end";
}

function renderStatement(node: Statement, scope: Scope, output: Output, run: Run): Ending {
  step(run, node.at);
  switch (node.type) {
    case "data":
      write(run, output, node.text, node.at);
      return "end";
    case "output": {
      const text = toText(evaluate(node.value, scope, run));
      write(run, output, text, node.at);
      return "end";
    }
    case "if": {
      for (const branch of node.branches) if (truthy(evaluate(branch.test, scope, run))) return renderBody(branch.body, scope, output, run);
      return renderBody(node.otherwise, scope, output, run);
    }
    case "for":
      renderFor(node, scope, output, run, evaluate(node.iterable, scope, run), 1);
      return "end";
    case "set":
      assign(node.target, evaluate(node.value, scope, run), scope, run);
      return "end";
    case "set_block": {
      const text = renderText(node.body, innerScope(scope), run);
      assign(node.target, node.filter === undefined ? text : evaluateFilter(node.filter, scope, run, text), scope, run);
      return "end";
    }
    case "macro":
      scope.names.set(node.macro.name, macroValue(node.macro, scope, run));
      return "end";
    case "call_block": {
      const { call } = node;
      if (call.type !== "call") throw new ValueFault("A call block needs a call.");
      const target = evaluate(call.target, scope, run);
      const { args, named } = evaluateArguments(call.args, scope, run);
      named.set("caller", macroValue(node.caller, scope, run));
      run.at = call.at;
      write(run, output, toText(callValue(target, args, named, "This")), node.at);
      return "end";
    }
    case "filter_block": {
      const text = renderText(node.body, innerScope(scope), run);
      write(run, output, toText(evaluateFilter(node.filter, scope, run, text)), node.at);
      return "end";
    }
    case "with": {
      const inner = innerScope(scope);
      const values = node.assignments.map(({ value }) => evaluate(value, scope, run));
      node.assignments.forEach(({ target }, index) => assign(target, values[index]!, inner, run));
      return renderBody(node.body, inner, output, run);
    }
    case "do":
      evaluate(node.value, scope, run);
      return "end";
    case "break":
    case "continue":
      return node.type;
  }
}

function renderText(body: Statement[], scope: Scope, run: Run): string {
  const output: Output = { pieces: [] };
  renderBody(body, scope, output, run);
  return textOf(output);
}

/** Each turn has a scope of its own: what is `set` inside a loop does not leak out, nor into the next turn. */
function renderFor(node: Extract<Statement, { type: "for" }>, outer: Scope, output: Output, run: Run, iterable: Value, depth: number): void {
  run.at = node.iterable.at;
  let items = [...itemsOf(iterable)];
  if (node.filter !== undefined) {
    const { filter } = node;
    items = items.filter((item) => {
      const scope = innerScope(outer);
      assign(node.target, item, scope, run);
      return truthy(evaluate(filter, scope, run));
    });
  }
  if (items.length === 0) {
    renderBody(node.otherwise, innerScope(outer), output, run);
    return;
  }
  if (depth > run.limits.depth) throw new ValueFault(`This loop calls itself more than ${run.limits.depth} levels deep.`);
  const state: LoopState = { items, index: 0, depth, lastChanged: undefined };
  const recurse = node.recursive
    ? (inner: Value) => {
        const written: Output = { pieces: [] };
        renderFor(node, outer, written, run, inner, depth + 1);
        return textOf(written);
      }
    : undefined;
  const loop = loopObject(state, recurse);
  for (; state.index < items.length; state.index++) {
    const scope = innerScope(outer);
    scope.names.set("loop", loop);
    assign(node.target, items[state.index]!, scope, run);
    if (renderBody(node.body, scope, output, run) === "break") break;
  }
}

function assign(target: Target, value: Value, scope: Scope, run: Run): void {
  run.at = target.at;
  if (target.type === "name") scope.names.set(target.name, value);
  else if (target.type === "attribute") {
    const owner = lookUp(scope, target.name);
    if (owner === undefined) throw undefinedFault(undefinedValue(`\`${target.name}\``));
    if (!isHost(owner) || owner.assign === undefined) {
      throw new ValueFault(`The attributes of a ${typeName(owner)} cannot be set.`, "Only a `namespace()` has attributes that can be set.");
    }
    owner.assign(target.attribute, value);
  } else {
    const items = itemsOf(value);
    if (items.length !== target.items.length) throw new ValueFault(`${items.length} values cannot be assigned to ${target.items.length} names.`);
    target.items.forEach((inner, index) => assign(inner, items[index]!, scope, run));
  }
}

/** A macro as a value. It sees the names where it was defined, and the limits and errors of the rendering that calls it. */
function macroValue(macro: MacroDefinition, definedIn: Scope, run: Run): Callable {
  const { source } = run;
  return {
    type: "callable",
    name: macro.name,
    call: (args, named) => {
      const from = { source: run.source, at: run.at };
      if (run.calls.length >= run.limits.depth) throw new ValueFault(`Macros call each other more than ${run.limits.depth} levels deep.`);
      const scope = innerScope(definedIn);
      bindParameters(macro, args, named, scope);
      run.calls.push({ name: macro.name, ...from });
      run.source = source;
      evaluateDefaults(macro, scope, run);
      let result: Value;
      try {
        result = renderText(macro.body, scope, run);
      } catch (thrown) {
        if (!(thrown instanceof ReturnSignal)) throw thrown; // the place and the calls stay as they are, for the error
        result = thrown.value;
      }
      run.calls.pop();
      Object.assign(run, from);
      return result;
    },
    attributes: (name) => (name === "name" ? macro.name : undefined),
  };
}

function bindParameters(macro: MacroDefinition, args: Value[], named: Map<string, Value>, scope: Scope): void {
  const { parameters, uses } = macro;
  const rest = new Map(named);
  const label = macro.name === "caller" ? "This call block" : `The macro \`${macro.name}\``;
  parameters.forEach(({ name }, index) => {
    const given = index < args.length ? args[index] : rest.get(name);
    if (index < args.length && rest.has(name)) throw new ValueFault(`${label} got its argument \`${name}\` twice.`);
    rest.delete(name);
    if (given !== undefined) scope.names.set(name, given);
  });
  if (uses.caller)
    scope.names.set(
      "caller",
      orElse(rest.get("caller"), () => undefinedValue("`caller`")),
    );
  if (uses.caller) rest.delete("caller");
  const names = parameters.map((parameter) => parameter.name);
  const takes = names.length === 0 ? "It takes no arguments." : `It takes: ${names.join(", ")}.`;
  if (uses.varargs) scope.names.set("varargs", tuple(args.slice(parameters.length)));
  else if (args.length > parameters.length)
    throw new ValueFault(`${label} got ${args.length} arguments but takes at most ${parameters.length}.`, takes);
  if (uses.kwargs) scope.names.set("kwargs", dict(rest));
  else if (rest.has("caller")) throw new ValueFault(`${label} was called by a call block but never calls \`caller()\`.`);
  else if (rest.size > 0) throw new ValueFault(`${label} has no argument \`${[...rest.keys()][0]}\`.`, takes);
}

/** Defaults may name the arguments before them. An argument without default that was left out is undefined. */
function evaluateDefaults(macro: MacroDefinition, scope: Scope, run: Run): void {
  for (const { name, fallback } of macro.parameters) {
    if (scope.names.has(name)) continue;
    scope.names.set(name, fallback === undefined ? undefinedValue(`the argument \`${name}\``) : evaluate(fallback, scope, run));
  }
}
