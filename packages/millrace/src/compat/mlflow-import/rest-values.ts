import { text } from "./record-values.ts";
import type { Answer } from "./rest-client.ts";

/** Fields of an answer; what is not there, or no list or object, is empty. */
export function objects(answer: Answer, name: string): Answer[] {
  const value = answer[name];
  return Array.isArray(value) ? value.filter((item): item is Answer => typeof item === "object" && item !== null) : [];
}

export function objectOf(answer: Answer, name: string): Answer {
  const value = answer[name];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Answer) : {}; // just asked
}

export function keyValues(answer: Answer, name: string): Record<string, string> {
  return Object.fromEntries(objects(answer, name).map((item) => [text(item["key"]), text(item["value"])]));
}

/** Asks for one page after the other. */
export async function* pages(ask: (token?: string) => Promise<Answer>): AsyncGenerator<Answer> {
  for (let token: string | undefined; ;) {
    const answer = await ask(token);
    yield answer;
    token = text(answer["next_page_token"]) || undefined;
    if (token === undefined) return;
  }
}
