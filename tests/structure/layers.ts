/**
 * Who may import whom, once. From this table come the lint rules (`.oxlintrc.json`, written by `npm run generate`) and the
 * structure tests, which plant a violation of each rule and count what is caught.
 */
export const domainOrder = [
  "access",
  "webhooks",
  "lineage",
  "project",
  "lake",
  "ingest",
  "transform",
  "features",
  "pipelines",
  "tracking",
  "traces",
  "registry",
  "training",
  "quality",
  "serving",
  "monitoring",
  "retraining",
  "fleet",
] as const;

export const layers = ["kit", "ports", "domains", "adapters", "compat", "entry"] as const;
export type Layer = (typeof layers)[number];

/** Layers that each layer may import besides itself, by their `#layer/…` spelling. */
export const mayImport: Record<Layer, Layer[]> = {
  kit: [],
  ports: ["kit"],
  domains: ["kit", "ports"],
  adapters: ["kit", "ports"],
  compat: ["kit", "ports", "domains"],
  entry: ["kit", "ports", "domains", "adapters", "compat"],
};

/** Packages that only adapters may load: engines and their clients. */
export const enginePackages = ["@duckdb/node-api", "pg", "onnxruntime-node", "aws4fetch"];

export interface LayerRule {
  /** Folder under `packages/millrace/src`, as a glob. */
  files: string;
  /** Import patterns that are refused there, with the reason. */
  refused: { group: string[]; message: string }[];
}

/** One rule a folder; the last that matches a file decides, so domains follow their layer. */
export function layerRules(): LayerRule[] {
  const rules: LayerRule[] = layers.map((layer) => ({ files: `${layer}/**`, refused: refusedIn(layer) }));
  for (const domain of domainOrder) rules.push({ files: `domains/${domain}/**`, refused: [...refusedIn("domains"), ...laterDomains(domain)] });
  return rules;
}

function refusedIn(layer: Layer): LayerRule["refused"] {
  const others = layers.filter((other) => other !== layer && !mayImport[layer].includes(other));
  const refused = others.map((other) => ({ group: [`#${other}/*`, `#${other}/*/*`], message: `${layer} may not import ${other}.` }));
  refused.push({ group: ["../**"], message: "Folders are flat: leave one only through a #door." });
  if (layer !== "adapters" && layer !== "entry") refused.push({ group: enginePackages, message: "Engines are loaded by adapters only." });
  if (layer === "adapters")
    refused.push({ group: ["#adapters/*/*"], message: "Adapters of one port import each other by ./file.ts, and no others." });
  return refused;
}

function laterDomains(domain: (typeof domainOrder)[number]): LayerRule["refused"] {
  const later = domainOrder.slice(domainOrder.indexOf(domain));
  return [
    { group: later.map((name) => `#domains/${name}`), message: `${domain} comes before: a need that runs backward is an event or a parameter.` },
  ];
}
