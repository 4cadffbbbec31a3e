export {
  defineStep,
  flow,
  flowWith,
  type AnyFlow,
  type AnyStepKind,
  type DefineFlow,
  type Flow,
  type StepContext,
  type StepKind,
  type StepOptions,
  type StepsOf,
  type StepTools,
} from "./define.ts";
