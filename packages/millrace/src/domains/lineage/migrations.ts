import type { Migration } from "#ports/database";

export const lineageMigrations: Migration[] = [
  {
    id: "lineage-001-graph",
    statements: [
      `create table lineage_node (
        id text primary key, kind text not null, name text not null, facts text not null, recorded_ms bigint not null
      )`,
      `create index lineage_node_name on lineage_node (name)`,
      // An owner is the definition (table, view, endpoint) or fact (table version, training set, model version) that states the edge.
      `create table lineage_owner (id text primary key, version bigint not null, digest text not null, recorded_ms bigint not null)`,
      // An edge stands for versions of its owner from since_version up to, and without, until_version.
      `create table lineage_edge (
        id text primary key, owner text not null, from_node text not null, to_node text not null, kind text not null,
        since_version bigint not null, until_version bigint
      )`,
      `create index lineage_edge_owner on lineage_edge (owner)`,
      `create index lineage_edge_from on lineage_edge (from_node)`,
      `create index lineage_edge_to on lineage_edge (to_node)`,
    ],
  },
];
