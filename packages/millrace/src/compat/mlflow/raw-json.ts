/** A number that `JSON.stringify` writes exactly as its text. (Types for `JSON.rawJSON`, which V8 has, come with a later ECMAScript.) */
export function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
}
