import { z } from "zod";
import type { ModelVersion } from "./model.ts";

/** What other domains know of a version; captured when it is registered or changed, and kept with its card. */
export interface Evidence {
  /** The run that made it. */
  run?: {
    id: string;
    experiment: string;
    startedMs: number;
    commit?: string | undefined;
    dirty?: boolean | undefined;
    params: Record<string, string>;
  };
  /** How it does on parts of the test rows. */
  slices?: { column: string; level: string; rows: number; metrics: Record<string, number | null> }[];
}

/** Asks for a version's evidence; what is not known is left out. */
export type EvidenceOf = (version: Pick<ModelVersion, "runId" | "gate">) => Promise<Evidence>;

/** Headings that the card has of itself, so that no section can pass for one of them. */
export const ownHeadings = ["Overview", "Description", "Aliases", "Signature", "Data", "Metrics", "Slices", "Gate", "Training", "Lineage", "Tags"];

/** Sections that every card asks for. */
export const askedSections = ["Intended use", "Limits"];

export const sectionTitleSchema = z
  .string()
  .max(100)
  .regex(/^\p{L}[\p{L}\p{N} ,.()'-]*$/u, "must be a title of letters, digits and spaces")
  .refine((title) => title === title.trim(), "must not end with a space")
  .refine(
    (title) => !ownHeadings.some((each) => each.toLowerCase() === title.toLowerCase()),
    `must not be ${ownHeadings.join(", ")}: those are generated`,
  );

/** What a person wrote into a card. */
export interface CardSection {
  title: string;
  text: string;
  actor: string;
  atMs: number;
  /** The version it was written for; later ones take it over until it is written anew. */
  version: number;
}

/** A card's facts, as they stand. Numbers that JSON lacks (NaN, infinities) are null. */
export interface CardFacts {
  model: string;
  modelDescription: string;
  version: number;
  status: string;
  description: string;
  format: string;
  digest: string;
  files: { count: number; sizeBytes: number };
  createdMs: number;
  actor: string | null;
  tags: Record<string, string>;
  aliases: { alias: string; sinceMs: number; actor: string; reason: string }[];
  signature: { inputs: { name: string; type: string }[]; outputs: { name: string; type: string }[] };
  data: { table: string; version: number; digest?: string | undefined }[];
  metrics: Record<string, number | null>;
  slices: NonNullable<Evidence["slices"]>;
  gate: { name: string; verdict: string; summary: string; checks: { check: string; status: string; reason: string }[] } | null;
  run: NonNullable<Evidence["run"]> | null;
}

export interface ModelCard {
  facts: CardFacts;
  sections: CardSection[];
  markdown: string;
  /** Counts the card's renderings, from 1. */
  revision: number;
  renderedMs: number;
}
