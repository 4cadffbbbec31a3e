import type { FilterFunction } from "./jinja-runtime.ts";
import { sequenceFilters } from "./jinja-sequence-filters.ts";
import { textFilters } from "./jinja-text-filters.ts";
import { valueFilters } from "./jinja-value-filters.ts";

/** The filters of `x | …`, by name. */
export const filters: Record<string, FilterFunction> = { ...textFilters, ...valueFilters, ...sequenceFilters };
