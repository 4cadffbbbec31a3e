/**
 * Dictionary codes for a column of text, read from DuckDB's own string layout: 16 bytes a value, of which the first four are the length.
 * Texts of up to 12 bytes stand in the value itself (padded with zeros) and are looked up by their four words without being decoded;
 * longer ones are decoded by the caller.
 */
export class TextLevels {
  readonly levels: string[] = [];
  readonly #byText = new Map<string, number>();
  #slots = new Int32Array(1024).fill(-1); // open addressing: slot → index into #words / 4
  #words = new Uint32Array(4 * 512);
  #codes = new Int32Array(512);
  #used = 0;

  /** The code of a text that is decoded already. */
  codeOf(text: string): number {
    let code = this.#byText.get(text);
    if (code === undefined) {
      code = this.levels.length;
      this.levels.push(text);
      this.#byText.set(text, code);
    }
    return code;
  }

  /** The code of the short text in `words[at .. at + 3]`; `decode` is called once for each distinct one. */
  codeOfWords(words: Uint32Array, at: number, decode: () => string): number {
    const a = words[at]!;
    const b = words[at + 1]!;
    const c = words[at + 2]!;
    const d = words[at + 3]!;
    const mask = this.#slots.length - 1;
    for (let slot = hash(a, b, c, d) & mask; ; slot = (slot + 1) & mask) {
      const index = this.#slots[slot]!;
      if (index === -1) {
        const code = this.codeOf(decode());
        this.#insert(slot, a, b, c, d, code);
        return code;
      }
      const i = index * 4;
      const w = this.#words;
      if (w[i] === a && w[i + 1] === b && w[i + 2] === c && w[i + 3] === d) return this.#codes[index]!;
    }
  }

  #insert(slot: number, a: number, b: number, c: number, d: number, code: number): void {
    const index = this.#used++;
    this.#words.set([a, b, c, d], index * 4);
    this.#codes[index] = code;
    this.#slots[slot] = index;
    if (this.#used * 2 < this.#slots.length) return;
    const words = this.#words;
    this.#words = new Uint32Array(words.length * 2);
    this.#words.set(words);
    const codes = this.#codes;
    this.#codes = new Int32Array(codes.length * 2);
    this.#codes.set(codes);
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const mask = this.#slots.length - 1;
    for (let i = 0; i < this.#used; i++) {
      let free = hash(words[4 * i]!, words[4 * i + 1]!, words[4 * i + 2]!, words[4 * i + 3]!) & mask;
      while (this.#slots[free] !== -1) free = (free + 1) & mask;
      this.#slots[free] = i;
    }
  }
}

function hash(a: number, b: number, c: number, d: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15) ^ b, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13) ^ c, 0x27d4eb2f);
  h = Math.imul(h ^ (h >>> 16) ^ d, 0x165667b1);
  return h ^ (h >>> 15);
}
