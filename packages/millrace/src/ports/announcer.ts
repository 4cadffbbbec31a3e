/** How a domain says what it did, for those it knows nothing of. */
import type { Transaction } from "./database.ts";

/** Something that happened, in the words of the domain where it did. */
export interface Happening {
  /** `<noun>.<what happened>`, e.g. `alias.moved`. */
  event: string;
  atMs: number;
  /** What a reader must know of it. Goes through JSON. */
  data: Record<string, unknown>;
}

/** Called within the transaction of the change itself: both are kept or neither is. */
export type Announce = (transaction: Transaction, happening: Happening) => Promise<void>;
