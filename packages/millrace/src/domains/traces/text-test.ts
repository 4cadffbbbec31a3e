import { createContext, Script } from "node:vm";
import { AppError } from "#kit/app-error";

const timeoutMs = 250;
const patternLength = 1_000;
const rememberedTexts = 10_000;

/**
 * A test of texts with a caller's regular expression, which may match anywhere in the text. An expression can be made to run for
 * hours, so it runs under a time limit. Throws `invalid_argument` for one that is none, or that takes too long.
 */
export function regularExpression(pattern: string): (text: string) => boolean {
  if (pattern.length > patternLength)
    throw new AppError("invalid_argument", `A regular expression may have ${patternLength} characters; this one has ${pattern.length}.`);
  const sandbox: { expression: RegExp; text: string } = { expression: compile(pattern), text: "" };
  const context = createContext(sandbox);
  const script = new Script("expression.test(text)");
  const verdicts = new Map<string, boolean>(); // guarding a run costs 0.3 ms, and most texts come many times
  return (text) => {
    const known = verdicts.get(text);
    if (known !== undefined) return known;
    sandbox.text = text;
    try {
      const verdict = script.runInContext(context, { timeout: timeoutMs }) === true;
      if (verdicts.size < rememberedTexts) verdicts.set(text, verdict);
      return verdict;
    } catch (cause) {
      throw new AppError("invalid_argument", `The regular expression "${pattern.slice(0, 100)}" takes more than ${timeoutMs} ms for one text.`, {
        cause,
        hint: "Avoid nested repetitions such as (a+)+.",
      });
    }
  };
}

function compile(pattern: string): RegExp {
  try {
    return new RegExp(pattern, "u");
  } catch (cause) {
    throw new AppError("invalid_argument", `"${pattern.slice(0, 100)}" is not a regular expression.`, { cause });
  }
}
