// Made from the server's routes by `npm run generate`; do not edit.

/** Every error a server can answer with. */
export type ErrorCode =
  | "invalid_argument"
  | "invalid_config"
  | "invalid_definition"
  | "not_found"
  | "unauthenticated"
  | "permission_denied"
  | "gate_failed"
  | "conflict"
  | "project_in_use"
  | "port_in_use"
  | "unavailable"
  | "storage_full"
  | "corrupt_data"
  | "sql_error"
  | "test_failed"
  | "step_failed"
  | "missing_dependency"
  | "unsupported"
  | "cancelled"
  | "internal";

/** Any JSON. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };

export type SystemHealthInput = Record<string, never>;

export interface SystemHealthOutput {
  status: "ok";
  project: string;
  version: string;
}

export interface TokensCreateInput {
  name: string;
  /** any of public, project:read, project:run, project:purge, models:write, webhooks:write, predictions:make, predictions:read, access:write */
  permissions: string[];
}

export interface TokensCreateOutput {
  name: string;
  secret: string;
}

export type TokensListInput = Record<string, never>;

export interface TokensListOutput {
  tokens: {
    name: string;
    permissions: string[];
    createdMs: number;
    revokedMs: number | null;
  }[];
}

export interface TokensRevokeInput {
  name: string;
}

export interface TokensRevokeOutput {
  revoked: string;
}

export interface WebhooksCreateInput {
  name: string;
  /** https, on the public internet, unless the configuration allows its origin */
  url: string;
  /** any of model.created, model.renamed, model.deleted, model.description-changed, model.tag-set, model.tag-removed, version.created, version.status-changed, version.description-changed, version.tag-set, version.tag-removed, version.stage-changed, version.deleted, alias.set, alias.moved, alias.removed, gate.decided */
  events: string[];
  description?: string;
  /** `whsec_` and the base64 of 24 to 64 bytes; made where none is given */
  secret?: string;
}

export interface WebhooksCreateOutput {
  id: string;
  name: string;
  url: string;
  events: string[];
  description: string;
  status: "active" | "paused" | "disabled";
  problem?: string;
  format: string;
  signed: boolean;
  createdMs: number;
  updatedMs: number;
  secret: string;
}

export type WebhooksListInput = Record<string, never>;

export interface WebhooksListOutput {
  webhooks: {
    id: string;
    name: string;
    url: string;
    events: string[];
    description: string;
    status: "active" | "paused" | "disabled";
    problem?: string;
    format: string;
    signed: boolean;
    createdMs: number;
    updatedMs: number;
  }[];
}

export type WebhooksEventsInput = Record<string, never>;

export interface WebhooksEventsOutput {
  events: {
    event: string;
    meaning: string;
    example: Record<string, unknown>;
  }[];
}

export type WebhooksSealInput = Record<string, never>;

export interface WebhooksSealOutput {
  sealed: number;
  key?: string;
}

export interface WebhooksShowInput {
  id: string;
}

export interface WebhooksShowOutput {
  id: string;
  name: string;
  url: string;
  events: string[];
  description: string;
  status: "active" | "paused" | "disabled";
  problem?: string;
  format: string;
  signed: boolean;
  createdMs: number;
  updatedMs: number;
}

export interface WebhooksUpdateInput {
  id: string;
  name?: string;
  /** https, on the public internet, unless the configuration allows its origin */
  url?: string;
  /** any of model.created, model.renamed, model.deleted, model.description-changed, model.tag-set, model.tag-removed, version.created, version.status-changed, version.description-changed, version.tag-set, version.tag-removed, version.stage-changed, version.deleted, alias.set, alias.moved, alias.removed, gate.decided */
  events?: string[];
  description?: string;
  status?: "active" | "paused";
  /** a new one, `whsec_` and the base64 of 24 to 64 bytes */
  secret?: string;
}

export interface WebhooksUpdateOutput {
  id: string;
  name: string;
  url: string;
  events: string[];
  description: string;
  status: "active" | "paused" | "disabled";
  problem?: string;
  format: string;
  signed: boolean;
  createdMs: number;
  updatedMs: number;
}

export interface WebhooksDeleteInput {
  id: string;
}

export interface WebhooksDeleteOutput {
  deleted: string;
}

export interface WebhooksTestInput {
  id: string;
  /** the webhook's first unless given */
  event?: "model.created" | "model.renamed" | "model.deleted" | "model.description-changed" | "model.tag-set" | "model.tag-removed" | "version.created" | "version.status-changed" | "version.description-changed" | "version.tag-set" | "version.tag-removed" | "version.stage-changed" | "version.deleted" | "alias.set" | "alias.moved" | "alias.removed" | "gate.decided";
}

export interface WebhooksTestOutput {
  ok: boolean;
  status?: number;
  body: string;
  problem?: string;
}

export interface WebhooksDeliveriesInput {
  id: string;
  /** only deliveries before this id */
  below?: string;
  limit?: number;
}

export interface WebhooksDeliveriesOutput {
  deliveries: {
    id: string;
    event: string;
    state: "waiting" | "delivered" | "given-up";
    attempts: number;
    createdMs: number;
    nextMs?: number;
    finishedMs?: number;
    status?: number;
    problem?: string;
  }[];
}

export interface WebhooksRedeliverInput {
  id: string;
  delivery: string;
}

export interface WebhooksRedeliverOutput {
  waiting: string;
}

export interface LineageShowInput {
  /** such as raw.flights.delay, models.flights, departed.late_rate_1h or late-arrival@1 */
  name: string;
  direction?: "downstream" | "upstream";
  /** how many edges away */
  depth?: number;
}

export interface LineageShowOutput {
  roots: {
    kind: "source" | "table" | "column" | "table-version" | "sql-model" | "feature-view" | "feature" | "feature-view-version" | "training-set" | "run" | "model-version" | "endpoint";
    name: string;
  }[];
  nodes: {
    kind: "source" | "table" | "column" | "table-version" | "sql-model" | "feature-view" | "feature" | "feature-view-version" | "training-set" | "run" | "model-version" | "endpoint";
    name: string;
    facts: Record<string, string | number | boolean | null>;
    depth: number;
    path: string[];
  }[];
  edges: {
    from: {
      kind: "source" | "table" | "column" | "table-version" | "sql-model" | "feature-view" | "feature" | "feature-view-version" | "training-set" | "run" | "model-version" | "endpoint";
      name: string;
    };
    to: {
      kind: "source" | "table" | "column" | "table-version" | "sql-model" | "feature-view" | "feature" | "feature-view-version" | "training-set" | "run" | "model-version" | "endpoint";
      name: string;
    };
    kind: "value" | "filter" | "input";
  }[];
  truncated: boolean;
}

export type TablesListInput = Record<string, never>;

export interface TablesListOutput {
  tables: {
    table: string;
    version: number;
    rows: number;
    bytes: number;
    timestampMs: number;
  }[];
}

export interface TablesShowInput {
  table: string;
  version?: number;
}

export interface TablesShowOutput {
  table: string;
  version: number;
  rows: number;
  bytes: number;
  files: number;
  timestampMs: number;
  columns: {
    name: string;
    type: string;
  }[];
}

export interface TablesHistoryInput {
  table: string;
}

export interface TablesHistoryOutput {
  versions: {
    version: number;
    timestampMs: number;
    operation: string;
    metrics: Record<string, string>;
    metadata: unknown;
  }[];
}

export type FeaturesListInput = Record<string, never>;

export interface FeaturesListOutput {
  views: {
    name: string;
    entity: string;
    keys: string[];
    model: string;
    known: string;
    features: string[];
  }[];
}

export interface FeaturesShowInput {
  view: string;
}

export interface FeaturesShowOutput {
  kind: "feature_view";
  name: string;
  entity: {
    kind: "entity";
    name: string;
    keys: string[];
  };
  on: string[];
  from: {
    name: string;
    columns: Record<string, string>;
  };
  time: string;
  known: string;
  windows: {
    name: string;
    ms: number;
  }[];
  features: {
    name: string;
    aggregate: {
      op: "count";
      windows?: string[];
    } | {
      op: "mean" | "sum" | "last" | "min" | "max";
      column: string;
      windows?: string[];
    };
  }[];
}

export interface FeaturesReadInput {
  view: string;
  /** the entity's key; several joined by commas */
  key: string;
  /** an ISO instant; now when left out */
  at?: string;
}

export interface FeaturesReadOutput {
  values: {
    name: string;
    aggregate: string;
    value: number | null;
    window: {
      name: string;
      fromMs: number;
      toMs: number;
    };
    events: number;
    oldestKnownMs: number | null;
    newestKnownMs: number | null;
  }[];
}

export interface RunsListInput {
  flow?: string;
  status?: "running" | "succeeded" | "failed" | "cancelled" | "interrupted";
  limit?: number;
}

export interface RunsListOutput {
  runs: {
    id: string;
    flow: string;
    params: Record<string, unknown>;
    status: "running" | "succeeded" | "failed" | "cancelled" | "interrupted";
    cause: string | null;
    attempt: number;
    worker: string;
    startedMs: number;
    finishedMs: number | null;
    code: {
      commit: string | null;
      dirty: boolean | null;
      branch: string | null;
      digest: string;
    };
    result: unknown;
    error: {
      code: string;
      message: string;
      hint?: string;
      stack?: string;
    } | null;
  }[];
}

export interface RunsShowInput {
  run: string;
}

export interface RunsShowOutput {
  id: string;
  flow: string;
  params: Record<string, unknown>;
  status: "running" | "succeeded" | "failed" | "cancelled" | "interrupted";
  cause: string | null;
  attempt: number;
  worker: string;
  startedMs: number;
  finishedMs: number | null;
  code: {
    commit: string | null;
    dirty: boolean | null;
    branch: string | null;
    digest: string;
  };
  result: unknown;
  error: {
    code: string;
    message: string;
    hint?: string;
    stack?: string;
  } | null;
  steps: {
    id: string;
    name: string;
    label: string;
    index: number;
    key: string;
    state: "running" | "succeeded" | "cached" | "failed" | "cancelled" | "interrupted";
    attempt: number;
    worker: string;
    cachedFrom: {
      runId: string;
      stepId: string;
    } | null;
    output: unknown;
    summary: string | null;
    error: {
      code: string;
      message: string;
      hint?: string;
      stack?: string;
    } | null;
    progress: {
      fraction: number | null;
      text: string | null;
    };
    startedMs: number;
    finishedMs: number | null;
    cost: {
      wallMs: number;
      cpuMs: number;
      peakRssBytes: number;
    } | null;
  }[];
}

export interface RunsWhyInput {
  run: string;
  step: string;
}

export interface RunsWhyOutput {
  runId: string;
  stepId: string;
  attempt: number;
  reason: "cached" | "first" | "changed" | "unfinished" | "asked";
  other: {
    runId: string;
    stepId: string;
  } | null;
  changed: {
    part: string;
    before?: JsonValue;
    after?: JsonValue;
  }[];
}

export interface ExperimentsArchiveInput {
  /** a folder of experiments: the part of their names before a / */
  folder?: string;
  /** experiments by id or name */
  experiments?: string[];
  /** say what would be done, and do nothing */
  dryRun?: boolean;
}

export interface ExperimentsArchiveOutput {
  experiments: number;
  runs: number;
  points: number;
  artifacts: number;
  bytes: number;
  leftRuns: number;
  left: string[];
  dryRun: boolean;
  done: boolean;
}

export interface ExperimentsUnarchiveInput {
  /** a folder of experiments: the part of their names before a / */
  folder?: string;
  /** experiments by id or name */
  experiments?: string[];
  /** say what would be done, and do nothing */
  dryRun?: boolean;
}

export interface ExperimentsUnarchiveOutput {
  experiments: number;
  runs: number;
  points: number;
  artifacts: number;
  bytes: number;
  leftRuns: number;
  left: string[];
  dryRun: boolean;
  done: boolean;
}

export interface ExperimentsPurgeInput {
  /** a folder of experiments: the part of their names before a / */
  folder?: string;
  /** experiments by id or name */
  experiments?: string[];
  /** only what has been archived for this long, such as 30d */
  archivedFor?: string;
  /** also runs that made registered versions; the versions keep their files */
  evenRegistered?: boolean;
  /** say what would be done, and do nothing */
  dryRun?: boolean;
}

export interface ExperimentsPurgeOutput {
  experiments: number;
  runs: number;
  points: number;
  artifacts: number;
  bytes: number;
  leftRuns: number;
  left: string[];
  dryRun: boolean;
  done: boolean;
}

export interface RunsArchiveInput {
  /** runs by id */
  runs?: string[];
  /** the runs that this finds, in the language of searches, such as: metrics.auc < 0.6 */
  query?: string;
  /** the same as JSON */
  filter?: RunsArchiveInputSchema0;
  /** with a query: only in these experiments, by id or name */
  experiments?: string[];
  /** say what would be done, and do nothing */
  dryRun?: boolean;
}

export type RunsArchiveInputSchema0 = {
  metric: string;
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  param: string;
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  tag: string;
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  input: "name" | "digest" | "table" | "use";
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  attribute: "id" | "name" | "experiment" | "status" | "parent" | "actor" | "startedMs" | "endedMs" | "deletedMs" | "experimentName" | "folder" | "durationMs" | "note";
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  text: string;
} | {
  and: RunsArchiveInputSchema0[];
} | {
  or: RunsArchiveInputSchema0[];
} | {
  not: RunsArchiveInputSchema0;
};

export interface RunsArchiveOutput {
  experiments: number;
  runs: number;
  points: number;
  artifacts: number;
  bytes: number;
  leftRuns: number;
  left: string[];
  dryRun: boolean;
  done: boolean;
}

export interface RunsUnarchiveInput {
  /** runs by id */
  runs?: string[];
  /** the runs that this finds, in the language of searches, such as: metrics.auc < 0.6 */
  query?: string;
  /** the same as JSON */
  filter?: RunsUnarchiveInputSchema0;
  /** with a query: only in these experiments, by id or name */
  experiments?: string[];
  /** say what would be done, and do nothing */
  dryRun?: boolean;
}

export type RunsUnarchiveInputSchema0 = {
  metric: string;
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  param: string;
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  tag: string;
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  input: "name" | "digest" | "table" | "use";
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  attribute: "id" | "name" | "experiment" | "status" | "parent" | "actor" | "startedMs" | "endedMs" | "deletedMs" | "experimentName" | "folder" | "durationMs" | "note";
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  text: string;
} | {
  and: RunsUnarchiveInputSchema0[];
} | {
  or: RunsUnarchiveInputSchema0[];
} | {
  not: RunsUnarchiveInputSchema0;
};

export interface RunsUnarchiveOutput {
  experiments: number;
  runs: number;
  points: number;
  artifacts: number;
  bytes: number;
  leftRuns: number;
  left: string[];
  dryRun: boolean;
  done: boolean;
}

export interface RunsPurgeInput {
  /** runs by id */
  runs?: string[];
  /** the runs that this finds, in the language of searches, such as: metrics.auc < 0.6 */
  query?: string;
  /** the same as JSON */
  filter?: RunsPurgeInputSchema0;
  /** with a query: only in these experiments, by id or name */
  experiments?: string[];
  /** only what has been archived for this long, such as 30d */
  archivedFor?: string;
  /** also runs that made registered versions; the versions keep their files */
  evenRegistered?: boolean;
  /** say what would be done, and do nothing */
  dryRun?: boolean;
}

export type RunsPurgeInputSchema0 = {
  metric: string;
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  param: string;
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  tag: string;
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  input: "name" | "digest" | "table" | "use";
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  attribute: "id" | "name" | "experiment" | "status" | "parent" | "actor" | "startedMs" | "endedMs" | "deletedMs" | "experimentName" | "folder" | "durationMs" | "note";
  op: "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "in" | "between" | "exists" | "missing" | "not like" | "not ilike" | "not in" | "not between";
  value?: string | unknown | (string | unknown)[];
} | {
  text: string;
} | {
  and: RunsPurgeInputSchema0[];
} | {
  or: RunsPurgeInputSchema0[];
} | {
  not: RunsPurgeInputSchema0;
};

export interface RunsPurgeOutput {
  experiments: number;
  runs: number;
  points: number;
  artifacts: number;
  bytes: number;
  leftRuns: number;
  left: string[];
  dryRun: boolean;
  done: boolean;
}

export interface ExperimentsMoveInput {
  /** the folder, such as team/scratch */
  folder: string;
  /** its new name */
  to: string;
  /** say what would be done, and do nothing */
  dryRun?: boolean;
}

export interface ExperimentsMoveOutput {
  moved: {
    from: string;
    to: string;
  }[];
}

export interface BlobsCollectInput {
  /** only blobs that were stored longer ago; at least 1h */
  olderThan?: string;
  /** say what would be done, and do nothing */
  dryRun?: boolean;
  /** `next` of the call before */
  from?: string;
}

export interface BlobsCollectOutput {
  blobs: {
    looked: number;
    lookedBytes: number;
    kept: number;
    young: number;
    removed: number;
    removedBytes: number;
  };
  tables: {
    looked: number;
    young: number;
    removed: number;
    removedBytes: number;
  };
  uploads: {
    removed: number;
  };
  temporary: {
    removed: number;
    removedBytes: number;
  };
  seconds: number;
  dryRun: boolean;
  next?: string;
}

export interface RetentionApplyInput {
  /** say what would be done, and do nothing */
  dryRun?: boolean;
}

export interface RetentionApplyOutput {
  archived: {
    experiments: number;
    runs: number;
    points: number;
    artifacts: number;
    bytes: number;
    leftRuns: number;
    left: string[];
    dryRun: boolean;
    done: boolean;
  }[];
  purged?: {
    experiments: number;
    runs: number;
    points: number;
    artifacts: number;
    bytes: number;
    leftRuns: number;
    left: string[];
    dryRun: boolean;
    done: boolean;
  };
  done: boolean;
}

export interface ArtifactsListInput {
  /** the run's id */
  run: string;
  /** the folder; the top unless told */
  folder?: string;
  limit?: number;
  /** only names behind this one: the page before's last */
  after?: string;
}

export interface ArtifactsListOutput {
  artifacts: {
    path: string;
    folder: boolean;
    sizeBytes: number;
    digest?: string;
    mediaType?: string;
    createdMs: number;
  }[];
  next?: string;
}

export interface ArtifactsShowInput {
  /** the run's id */
  run: string;
  /** path among the run's artifacts, with / between names */
  path: string;
}

export interface ArtifactsShowOutput {
  path: string;
  folder: boolean;
  sizeBytes: number;
  digest?: string;
  mediaType?: string;
  createdMs: number;
}

export interface ArtifactsPreviewInput {
  /** the run's id */
  run: string;
  /** path among the run's artifacts, with / between names */
  path: string;
  /** rows of a table */
  rows?: number;
}

export interface ArtifactsPreviewOutput {
  path: string;
  folder: boolean;
  sizeBytes: number;
  digest?: string;
  mediaType?: string;
  createdMs: number;
  preview: {
    kind: "empty";
  } | {
    kind: "text";
    format: "json" | "yaml" | "markup" | "text";
    text: string;
    truncated: boolean;
  } | {
    kind: "table";
    format: "csv" | "parquet";
    delimiter?: string;
    columns: {
      name: string;
      type: string;
    }[];
    rows: (string | null)[][];
    rowCount?: number;
    truncated: boolean;
    note?: string;
  } | {
    kind: "image";
    format: "png" | "jpeg" | "gif" | "webp" | "bmp";
    width: number;
    height: number;
  } | {
    kind: "array";
    format: "npy";
    type: string;
    shape: number[];
    order: "C" | "Fortran";
  } | {
    kind: "model";
    flavours: {
      name: string;
      settings: { [name: string]: JsonValue };
    }[];
    signature?: {
      inputs: { [name: string]: JsonValue }[];
      outputs: { [name: string]: JsonValue }[];
      params: { [name: string]: JsonValue }[];
    };
    facts: { [name: string]: JsonValue };
    text: string;
  } | {
    kind: "network";
    format: "onnx";
    irVersion: number;
    producer?: string;
    producerVersion?: string;
  } | {
    kind: "binary";
    format?: string;
    hex: string;
  };
}

export interface ArtifactsDeleteInput {
  /** the run's id */
  run: string;
  /** path among the run's artifacts, with / between names */
  path: string;
}

export interface ArtifactsDeleteOutput {
  path: string;
}

export interface ArtifactsArchiveInput {
  /** the run's id */
  run: string;
  /** the folder; everything unless told */
  folder?: string;
}

export interface ArtifactsDownloadInput {
  /** the run's id */
  run: string;
  /** path among the run's artifacts, with / between names */
  path: string;
}

export interface ArtifactsUploadInput {
  /** the run's id */
  run: string;
  /** path among the run's artifacts, with / between names */
  path: string;
}

export interface ArtifactsUploadOutput {
  path: string;
  folder: boolean;
  sizeBytes: number;
  digest?: string;
  mediaType?: string;
  createdMs: number;
}

export interface ExperimentsListInput {
  /** only this folder, and its folders; the top is an empty text */
  folder?: string;
  /** only names with this text, in any case */
  containing?: string;
  /** active (unless told), deleted or all */
  view?: "active" | "deleted" | "all";
  limit?: number;
  /** of the page before */
  cursor?: string;
}

export interface ExperimentsListOutput {
  folders: {
    path: string;
    experiments: number;
    runs: number;
    running: number;
    lastStartedMs?: number;
  }[];
  experiments: {
    id: string;
    name: string;
    description: string;
    tags: Record<string, string>;
    createdMs: number;
    updatedMs: number;
    deletedMs?: number;
    runs: number;
    running: number;
    lastStartedMs?: number;
  }[];
  total: number;
  nextCursor?: string;
}

export interface ExperimentsShowInput {
  /** its id or name */
  experiment: string;
}

export interface ExperimentsShowOutput {
  id: string;
  name: string;
  description: string;
  tags: Record<string, string>;
  createdMs: number;
  updatedMs: number;
  deletedMs?: number;
  runs: number;
  running: number;
  lastStartedMs?: number;
  statuses: Record<string, number>;
}

export interface ExperimentsCreateInput {
  name: string;
  description?: string;
  /** as JSON */
  tags?: Record<string, string | number | boolean>;
}

export interface ExperimentsCreateOutput {
  id: string;
  name: string;
  description: string;
  tags: Record<string, string>;
  createdMs: number;
  updatedMs: number;
  deletedMs?: number;
}

export interface ExperimentsUpdateInput {
  /** its id or name */
  experiment: string;
  /** a new name */
  name?: string;
  /** a text for people */
  description?: string;
  /** tags to set, as JSON; null takes one away */
  tags?: Record<string, string | number | boolean | null>;
}

export interface ExperimentsUpdateOutput {
  id: string;
  name: string;
  description: string;
  tags: Record<string, string>;
  createdMs: number;
  updatedMs: number;
  deletedMs?: number;
}

export interface ExperimentsDeleteInput {
  /** its id or name */
  experiment: string;
}

export interface ExperimentsDeleteOutput {
  id: string;
  name: string;
  description: string;
  tags: Record<string, string>;
  createdMs: number;
  updatedMs: number;
  deletedMs?: number;
}

export interface ExperimentsRestoreInput {
  /** its id or name */
  experiment: string;
}

export interface ExperimentsRestoreOutput {
  id: string;
  name: string;
  description: string;
  tags: Record<string, string>;
  createdMs: number;
  updatedMs: number;
  deletedMs?: number;
}

export interface RunsSearchInput {
  /** such as: metrics.auc > 0.8 AND params.kind = 'trees' */
  query?: string;
  /** ids or names; a name that ends in / is a folder with all below it */
  experiments?: string[];
  /** active (unless told), deleted or all */
  view?: "active" | "deleted" | "all";
  /** such as: metrics.auc desc, params.lr nulls first */
  order?: string;
  /** metrics, params and tags to give back, such as: metrics.auc, params.lr */
  select?: string;
  limit?: number;
  /** of the page before */
  cursor?: string;
}

export interface RunsSearchOutput {
  runs: {
    id: string;
    name: string;
    experiment: string;
    status: "running" | "scheduled" | "finished" | "failed" | "killed";
    actor?: string;
    parent?: string;
    startedMs: number;
    endedMs?: number;
    deletedMs?: number;
    experimentName: string;
    metrics: Record<string, number | "NaN" | "Infinity" | "-Infinity">;
    params: Record<string, string>;
    tags: Record<string, string>;
  }[];
  nextCursor?: string;
  matching: number;
  total: number;
  query: string;
  hints: string[];
}

export interface RunsCountInput {
  /** such as: metrics.auc > 0.8 AND params.kind = 'trees' */
  query?: string;
  /** ids or names; a name that ends in / is a folder with all below it */
  experiments?: string[];
  /** active (unless told), deleted or all */
  view?: "active" | "deleted" | "all";
}

export interface RunsCountOutput {
  matching: number;
  total: number;
  query: string;
  hints: string[];
}

export interface RunsGroupInput {
  /** such as: params.kind, experiment, folder */
  by: string;
  /** such as: metrics.auc > 0.8 AND params.kind = 'trees' */
  query?: string;
  /** ids or names; a name that ends in / is a folder with all below it */
  experiments?: string[];
  /** active (unless told), deleted or all */
  view?: "active" | "deleted" | "all";
  /** such as: metrics.auc, metrics.loss min (the least is the best) */
  metrics?: string;
  limit?: number;
}

export interface RunsGroupOutput {
  rows: {
    keys: Record<string, string | number | null>;
    runs: number;
    metrics: Record<string, {
      runs: number;
      min?: number | "NaN" | "Infinity" | "-Infinity";
      max?: number | "NaN" | "Infinity" | "-Infinity";
      mean?: number | "NaN" | "Infinity" | "-Infinity";
      best?: {
        run: string;
        value: number | "NaN" | "Infinity" | "-Infinity";
      };
    }>;
  }[];
  groups: number;
  matching: number;
  hints: string[];
}

export interface RunsColumnsInput {
  /** such as: metrics.auc > 0.8 AND params.kind = 'trees' */
  query?: string;
  /** ids or names; a name that ends in / is a folder with all below it */
  experiments?: string[];
  /** active (unless told), deleted or all */
  view?: "active" | "deleted" | "all";
}

export interface RunsColumnsOutput {
  columns: {
    field: string;
    kind: "metric" | "param" | "tag";
    key: string;
    runs: number;
    min?: number | "NaN" | "Infinity" | "-Infinity";
    max?: number | "NaN" | "Infinity" | "-Infinity";
    distinct?: number;
  }[];
  matching: number;
}

export interface RunsValuesInput {
  /** such as: params.kind, status or inputs.name */
  field: string;
  /** such as: metrics.auc > 0.8 AND params.kind = 'trees' */
  query?: string;
  /** ids or names; a name that ends in / is a folder with all below it */
  experiments?: string[];
  /** active (unless told), deleted or all */
  view?: "active" | "deleted" | "all";
  /** only values with this text, in any case */
  containing?: string;
  limit?: number;
}

export interface RunsValuesOutput {
  values: {
    value: string;
    runs: number;
  }[];
  distinct: number;
}

export interface RunsCompareInput {
  /** ids */
  runs: string[];
  /** also what is the same in all of them */
  all?: boolean;
}

export interface RunsCompareOutput {
  runs: {
    id: string;
    name: string;
    experiment: string;
    status: "running" | "scheduled" | "finished" | "failed" | "killed";
    startedMs: number;
    endedMs?: number;
  }[];
  metrics: {
    key: string;
    differs: boolean;
    values: (number | "NaN" | "Infinity" | "-Infinity" | null)[];
    min?: number | "NaN" | "Infinity" | "-Infinity";
    max?: number | "NaN" | "Infinity" | "-Infinity";
  }[];
  params: {
    key: string;
    differs: boolean;
    values: (string | null)[];
  }[];
  tags: {
    key: string;
    differs: boolean;
    values: (string | null)[];
  }[];
  inputs: {
    key: string;
    differs: boolean;
    values: (string | null)[];
  }[];
  source: {
    key: string;
    differs: boolean;
    values: (string | null)[];
  }[];
  environment: {
    key: string;
    differs: boolean;
    values: (string | null)[];
  }[];
}

export interface RunsExportInput {
  /** such as: metrics.auc > 0.8 AND params.kind = 'trees' */
  query?: string;
  /** ids or names; a name that ends in / is a folder with all below it */
  experiments?: string[];
  /** active (unless told), deleted or all */
  view?: "active" | "deleted" | "all";
  /** csv (unless told), json or ndjson */
  format?: "csv" | "json" | "ndjson";
  /** such as: metrics.auc desc, params.lr nulls first */
  order?: string;
  /** metrics, params and tags to give back, such as: metrics.auc, params.lr */
  select?: string;
}

export interface RunsStartInput {
  /** its id or name */
  experiment: string;
  id?: string;
  name?: string;
  parent?: string;
  startedMs?: number;
  source?: {
    commit?: string | null;
    dirty?: boolean | null;
    diff?: string | null;
    branch?: string | null;
    repository?: string | null;
    entry?: string | null;
  };
  environment?: { [name: string]: JsonValue };
  inputs?: {
    name: string;
    table?: string;
    version?: number;
    digest?: string;
    use?: string;
    facts?: { [name: string]: JsonValue };
  }[];
  note?: string;
  params?: Record<string, string | number | boolean>;
  tags?: Record<string, string | number | boolean>;
}

export interface RunsStartOutput {
  id: string;
  name: string;
  experiment: string;
  status: "running" | "scheduled" | "finished" | "failed" | "killed";
  actor?: string;
  parent?: string;
  startedMs: number;
  endedMs?: number;
  deletedMs?: number;
  metrics: Record<string, {
    value: number | "NaN" | "Infinity" | "-Infinity";
    step: number;
    timeMs: number;
  }>;
  params: Record<string, string>;
  tags: Record<string, string>;
  source: {
    commit?: unknown;
    dirty?: unknown;
    diff?: unknown;
    branch?: unknown;
    repository?: unknown;
    entry?: unknown;
  };
  environment: Record<string, unknown>;
  inputs: {
    name: string;
    table?: string;
    version?: number;
    digest?: string;
    use?: string;
    facts?: { [name: string]: JsonValue };
  }[];
  outputs: {
    kind: "table" | "model" | "file" | "other";
    name: string;
    version?: number;
    digest?: string;
    facts?: { [name: string]: JsonValue };
  }[];
  note: string;
}

export interface RunsLogInput {
  /** its id */
  run: string;
  params?: Record<string, string | number | boolean>;
  tags?: Record<string, string | number | boolean>;
  /** values by key, all at one step */
  metrics?: Record<string, number | "NaN" | "Infinity" | "-Infinity">;
  /** of these metrics; 0 unless told */
  step?: number;
  /** of these metrics; now unless told */
  timeMs?: number;
  /** values of metrics with steps and times of their own */
  points?: {
    key: string;
    value: number | "NaN" | "Infinity" | "-Infinity";
    step?: number;
    timeMs?: number;
  }[];
  inputs?: {
    name: string;
    table?: string;
    version?: number;
    digest?: string;
    use?: string;
    facts?: { [name: string]: JsonValue };
  }[];
  outputs?: {
    kind: "table" | "model" | "file" | "other";
    name: string;
    version?: number;
    digest?: string;
    facts?: { [name: string]: JsonValue };
  }[];
}

export interface RunsLogOutput {
  run: string;
  points: number;
}

export interface RunsFinishInput {
  /** its id */
  run: string;
  status?: "finished" | "failed" | "killed";
  endedMs?: number;
}

export interface RunsFinishOutput {
  id: string;
  name: string;
  experiment: string;
  status: "running" | "scheduled" | "finished" | "failed" | "killed";
  actor?: string;
  parent?: string;
  startedMs: number;
  endedMs?: number;
  deletedMs?: number;
  metrics: Record<string, {
    value: number | "NaN" | "Infinity" | "-Infinity";
    step: number;
    timeMs: number;
  }>;
  params: Record<string, string>;
  tags: Record<string, string>;
}

export interface RunsDetailsInput {
  /** its id */
  run: string;
}

export interface RunsDetailsOutput {
  id: string;
  name: string;
  experiment: string;
  status: "running" | "scheduled" | "finished" | "failed" | "killed";
  actor?: string;
  parent?: string;
  startedMs: number;
  endedMs?: number;
  deletedMs?: number;
  metrics: Record<string, {
    value: number | "NaN" | "Infinity" | "-Infinity";
    step: number;
    timeMs: number;
  }>;
  params: Record<string, string>;
  tags: Record<string, string>;
  source: {
    commit?: unknown;
    dirty?: unknown;
    diff?: unknown;
    branch?: unknown;
    repository?: unknown;
    entry?: unknown;
  };
  environment: Record<string, unknown>;
  inputs: {
    name: string;
    table?: string;
    version?: number;
    digest?: string;
    use?: string;
    facts?: { [name: string]: JsonValue };
  }[];
  outputs: {
    kind: "table" | "model" | "file" | "other";
    name: string;
    version?: number;
    digest?: string;
    facts?: { [name: string]: JsonValue };
  }[];
  note: string;
}

export interface RunsUpdateInput {
  /** its id */
  run: string;
  /** a new name */
  name?: string;
  /** a text for people, Markdown */
  note?: string;
  /** tags to set, as JSON; null takes one away */
  tags?: Record<string, string | number | boolean | null>;
}

export interface RunsUpdateOutput {
  id: string;
  name: string;
  experiment: string;
  status: "running" | "scheduled" | "finished" | "failed" | "killed";
  actor?: string;
  parent?: string;
  startedMs: number;
  endedMs?: number;
  deletedMs?: number;
  metrics: Record<string, {
    value: number | "NaN" | "Infinity" | "-Infinity";
    step: number;
    timeMs: number;
  }>;
  params: Record<string, string>;
  tags: Record<string, string>;
}

export interface RunsDeleteInput {
  /** its id */
  run: string;
}

export interface RunsDeleteOutput {
  deleted: string;
}

export interface RunsRestoreInput {
  /** its id */
  run: string;
}

export interface RunsRestoreOutput {
  restored: string;
}

export interface MetricsHistoryInput {
  /** its id */
  run: string;
  /** the metric, such as auc */
  key: string;
  /** the first step */
  fromStep?: number;
  /** the last step */
  toStep?: number;
  limit?: number;
  /** of the page before */
  cursor?: string;
}

export interface MetricsHistoryOutput {
  points: {
    value: number | "NaN" | "Infinity" | "-Infinity";
    step: number;
    timeMs: number;
  }[];
  nextCursor?: string;
}

export interface MetricsSampleInput {
  /** ids */
  runs: string[];
  /** the metrics, such as auc */
  keys: string[];
  /** the first step */
  fromStep?: number;
  /** the last step */
  toStep?: number;
  /** stretches a course is cut into */
  buckets?: number;
}

export interface MetricsSampleOutput {
  series: {
    run: string;
    key: string;
    points: number;
    notNumbers: number;
    steps: number[];
    timesMs: number[];
    values: (number | "NaN" | "Infinity" | "-Infinity")[];
  }[];
}

export interface ModelsListInput {
  /** only names with this text, in any case */
  containing?: string;
  /** only those with this tag: name=value, or the name alone; all of them, where there are several */
  tags?: string[];
  limit?: number;
  /** of the page before */
  cursor?: string;
}

export interface ModelsListOutput {
  models: {
    name: string;
    description: string;
    tags: Record<string, string>;
    createdMs: number;
    updatedMs: number;
    aliases: Record<string, number>;
    latest?: number;
  }[];
  nextCursor?: string;
}

export interface ModelsShowInput {
  model: string;
  /** only those with this tag: name=value, or the name alone; all of them, where there are several */
  tags?: string[];
  /** versions at once */
  limit?: number;
  /** of the page before */
  cursor?: string;
}

export interface ModelsShowOutput {
  name: string;
  description: string;
  tags: Record<string, string>;
  createdMs: number;
  updatedMs: number;
  aliases: Record<string, number>;
  latest?: number;
  /** that mean it still */
  formerNames: string[];
  versions: {
    model: string;
    version: number;
    runId?: string;
    digest: string;
    format: string;
    status: "pending" | "ready" | "failed";
    metrics: Record<string, number | null>;
    aliases: string[];
    data: {
      table: string;
      version: number;
      digest?: string;
    }[];
    createdMs: number;
    description: string;
    tags: Record<string, string>;
    gate?: Record<string, unknown>;
  }[];
  nextCursor?: string;
}

export interface ModelsVersionInput {
  model: string;
  version: string;
}

export interface ModelsVersionOutput {
  model: string;
  version: number;
  runId?: string;
  digest: string;
  format: string;
  status: "pending" | "ready" | "failed";
  metrics: Record<string, number | null>;
  aliases: string[];
  data: {
    table: string;
    version: number;
    digest?: string;
  }[];
  createdMs: number;
  description: string;
  tags: Record<string, string>;
  gate?: Record<string, unknown>;
}

export interface ModelsPromoteInput {
  model: string;
  alias: string;
  version: number;
  /** why, for the history */
  reason: string;
  /** only if this version holds it now */
  expected?: number;
}

export interface ModelsPromoteOutput {
  version: number;
  previous?: number;
  changed: boolean;
}

export interface ModelsRollbackInput {
  model: string;
  alias: string;
  /** why, for the history */
  reason: string;
}

export interface ModelsRollbackOutput {
  version: number;
  previous?: number;
  changed: boolean;
}

export interface ModelsHistoryInput {
  model: string;
  alias: string;
}

export interface ModelsHistoryOutput {
  changes: {
    alias: string;
    kind: string;
    version?: number;
    previous?: number;
    actor: string;
    reason: string;
    gate?: string;
    fromMs: number;
    untilMs?: number;
  }[];
}

export interface ModelsStagesInput {
  model: string;
}

export interface ModelsStagesOutput {
  changes: {
    version: number;
    stage: string;
    previous: string;
    actor: string;
    fromMs: number;
    untilMs?: number;
  }[];
}

export interface ModelsUpdateInput {
  model: string;
  description?: string;
  /** set, or taken away with null: {"team":"ops","draft":null} */
  tags?: Record<string, string | null>;
}

export interface ModelsUpdateOutput {
  name: string;
  description: string;
  tags: Record<string, string>;
  createdMs: number;
  updatedMs: number;
  aliases: Record<string, number>;
  latest?: number;
}

export interface VersionsUpdateInput {
  model: string;
  /** a number, an alias or `latest` */
  version: string;
  description?: string;
  /** set, or taken away with null: {"team":"ops","draft":null} */
  tags?: Record<string, string | null>;
}

export interface VersionsUpdateOutput {
  model: string;
  version: number;
  runId?: string;
  digest: string;
  format: string;
  status: "pending" | "ready" | "failed";
  metrics: Record<string, number | null>;
  aliases: string[];
  data: {
    table: string;
    version: number;
    digest?: string;
  }[];
  createdMs: number;
  description: string;
  tags: Record<string, string>;
  gate?: Record<string, unknown>;
}

export interface ModelsRenameInput {
  model: string;
  newName: string;
}

export interface ModelsRenameOutput {
  name: string;
  description: string;
  tags: Record<string, string>;
  createdMs: number;
  updatedMs: number;
  aliases: Record<string, number>;
  latest?: number;
  /** that still say an old name in the project's code */
  endpoints: {
    name: string;
    follows: string;
    version: number | null;
  }[];
}

export interface ModelsDeleteInput {
  model: string;
  /** although an alias or an endpoint points at it */
  force?: boolean;
  /** say what would go and what is in the way, and do nothing */
  dryRun?: boolean;
}

export interface ModelsDeleteOutput {
  model: string;
  versions: number[];
  aliases: Record<string, number>;
  /** that answer with it, or would */
  endpoints: {
    name: string;
    follows: string;
    version: number | null;
  }[];
  /** why it is refused without `force` */
  inTheWay: string[];
  deleted: boolean;
}

export interface VersionsDeleteInput {
  model: string;
  /** a number */
  version: number;
  /** although an alias or an endpoint points at it */
  force?: boolean;
  /** say what would go and what is in the way, and do nothing */
  dryRun?: boolean;
}

export interface VersionsDeleteOutput {
  model: string;
  versions: number[];
  aliases: Record<string, number>;
  /** that answer with it, or would */
  endpoints: {
    name: string;
    follows: string;
    version: number | null;
  }[];
  /** why it is refused without `force` */
  inTheWay: string[];
  deleted: boolean;
}

export interface ModelsCardInput {
  model: string;
  /** a number, an alias or `latest` */
  version: string;
}

export interface ModelsCardOutput {
  facts: {
    model: string;
    modelDescription: string;
    version: number;
    status: string;
    description: string;
    format: string;
    digest: string;
    files: {
      count: number;
      sizeBytes: number;
    };
    createdMs: number;
    actor: string | null;
    tags: Record<string, string>;
    aliases: {
      alias: string;
      sinceMs: number;
      actor: string;
      reason: string;
    }[];
    signature: {
      inputs: {
        name: string;
        type: string;
      }[];
      outputs: {
        name: string;
        type: string;
      }[];
    };
    data: {
      table: string;
      version: number;
      digest?: string;
    }[];
    metrics: Record<string, number | null>;
    slices: {
      column: string;
      level: string;
      rows: number;
      metrics: Record<string, number | null>;
    }[];
    gate: {
      name: string;
      verdict: string;
      summary: string;
      checks: {
        check: string;
        status: string;
        reason: string;
      }[];
    } | null;
    run: {
      id: string;
      experiment: string;
      startedMs: number;
      commit?: string;
      dirty?: boolean;
      params: Record<string, string>;
    } | null;
  };
  sections: {
    title: string;
    text: string;
    actor: string;
    atMs: number;
    version: number;
  }[];
  markdown: string;
  revision: number;
  renderedMs: number;
}

export interface CardsWriteInput {
  model: string;
  /** a number, an alias or `latest` */
  version: string;
  /** such as Intended use or Limits */
  title: string;
  text: string;
}

export interface CardsWriteOutput {
  facts: {
    model: string;
    modelDescription: string;
    version: number;
    status: string;
    description: string;
    format: string;
    digest: string;
    files: {
      count: number;
      sizeBytes: number;
    };
    createdMs: number;
    actor: string | null;
    tags: Record<string, string>;
    aliases: {
      alias: string;
      sinceMs: number;
      actor: string;
      reason: string;
    }[];
    signature: {
      inputs: {
        name: string;
        type: string;
      }[];
      outputs: {
        name: string;
        type: string;
      }[];
    };
    data: {
      table: string;
      version: number;
      digest?: string;
    }[];
    metrics: Record<string, number | null>;
    slices: {
      column: string;
      level: string;
      rows: number;
      metrics: Record<string, number | null>;
    }[];
    gate: {
      name: string;
      verdict: string;
      summary: string;
      checks: {
        check: string;
        status: string;
        reason: string;
      }[];
    } | null;
    run: {
      id: string;
      experiment: string;
      startedMs: number;
      commit?: string;
      dirty?: boolean;
      params: Record<string, string>;
    } | null;
  };
  sections: {
    title: string;
    text: string;
    actor: string;
    atMs: number;
    version: number;
  }[];
  markdown: string;
  revision: number;
  renderedMs: number;
}

export interface CardsRemoveInput {
  model: string;
  /** a number, an alias or `latest` */
  version: string;
  /** such as Intended use or Limits */
  title: string;
}

export interface CardsRemoveOutput {
  facts: {
    model: string;
    modelDescription: string;
    version: number;
    status: string;
    description: string;
    format: string;
    digest: string;
    files: {
      count: number;
      sizeBytes: number;
    };
    createdMs: number;
    actor: string | null;
    tags: Record<string, string>;
    aliases: {
      alias: string;
      sinceMs: number;
      actor: string;
      reason: string;
    }[];
    signature: {
      inputs: {
        name: string;
        type: string;
      }[];
      outputs: {
        name: string;
        type: string;
      }[];
    };
    data: {
      table: string;
      version: number;
      digest?: string;
    }[];
    metrics: Record<string, number | null>;
    slices: {
      column: string;
      level: string;
      rows: number;
      metrics: Record<string, number | null>;
    }[];
    gate: {
      name: string;
      verdict: string;
      summary: string;
      checks: {
        check: string;
        status: string;
        reason: string;
      }[];
    } | null;
    run: {
      id: string;
      experiment: string;
      startedMs: number;
      commit?: string;
      dirty?: boolean;
      params: Record<string, string>;
    } | null;
  };
  sections: {
    title: string;
    text: string;
    actor: string;
    atMs: number;
    version: number;
  }[];
  markdown: string;
  revision: number;
  renderedMs: number;
}

export interface NotesListInput {
  model: string;
  /** about this version alone */
  forVersion?: number;
}

export interface NotesListOutput {
  notes: {
    id: string;
    version?: number;
    text: string;
    author: string;
    createdMs: number;
    edited?: {
      actor: string;
      atMs: number;
    };
  }[];
}

export interface NotesAddInput {
  model: string;
  text: string;
  /** about this version alone */
  forVersion?: number;
}

export interface NotesAddOutput {
  id: string;
  version?: number;
  text: string;
  author: string;
  createdMs: number;
  edited?: {
    actor: string;
    atMs: number;
  };
}

export interface NotesEditInput {
  model: string;
  id: string;
  text: string;
}

export interface NotesEditOutput {
  id: string;
  version?: number;
  text: string;
  author: string;
  createdMs: number;
  edited?: {
    actor: string;
    atMs: number;
  };
}

export interface NotesRemoveInput {
  model: string;
  id: string;
}

export interface NotesRemoveOutput {
  removed: string;
}

export interface NotesHistoryInput {
  model: string;
  id: string;
}

export interface NotesHistoryOutput {
  changes: {
    kind: "write" | "edit" | "remove";
    text: string;
    actor: string;
    atMs: number;
  }[];
}

export type EndpointsListInput = Record<string, never>;

export interface EndpointsListOutput {
  endpoints: {
    name: string;
    model: string;
    state: "answering" | "closed" | "waiting";
    version: number | null;
    shadow: number | null;
    problem: string | null;
    in: string | null;
    out: string;
    outcomes: string | null;
    lag: Record<string, number>;
  }[];
}

export interface EndpointsShowInput {
  endpoint: string;
}

export interface EndpointsShowOutput {
  name: string;
  model: string;
  state: "answering" | "closed" | "waiting";
  version: number | null;
  shadow: number | null;
  problem: string | null;
  in: string | null;
  out: string;
  outcomes: string | null;
  lag: Record<string, number>;
}

export interface PredictionsMakeInput {
  endpoint: string;
  /** objects with the keys of the feature views, the model's own columns and, if not now, the time */
  rows: unknown[];
  /** keep the predictions, so that they have an id */
  record?: boolean;
  /** one of the versions that are loaded; the one that serves otherwise */
  version?: number;
}

export interface PredictionsMakeOutput {
  predictions: {
    id: string | null;
    score: number;
    version: number;
  }[];
  /** columns of the model that a row left out */
  missing: string[];
}

export interface PredictionsShowInput {
  id: string;
}

export interface PredictionsShowOutput {
  id: string;
  key: string;
  timeMs: number;
  version: number;
  score: number;
  shadow: {
    version: number;
    score: number;
  } | null;
  source: "stream" | "http";
  inputs: (number | null)[];
  known: (number | null)[];
}

export interface EventsAppendInput {
  topic: string;
  events: unknown[];
  /** who sends; numbers its calls 0, 1, 2, … */
  producer?: string;
  /** number of this call */
  sequence?: number;
}

export interface EventsAppendOutput {
  topic: string;
  events: number;
}

export interface PredictionsTraceInput {
  id: string;
}

export interface PredictionsTraceOutput {
  id: string;
  endpoint: string;
  key: string;
  time: string;
  score: number;
  source: "stream" | "http";
  verified: {
    score: number;
    equal: boolean;
  };
  model: {
    name: string;
    version: number;
    digest: string;
    aliases: string[];
    gate: string;
  };
  run: {
    id: string;
    started: string;
    commit: string | null;
    dirty: boolean | null;
    params: Record<string, string>;
  } | null;
  data: {
    table: string;
    version: number;
  }[];
  inputs: {
    name: string;
    value: number | string | null;
    from: "row" | "caller" | "feature";
    [name: string]: unknown;
  }[];
  sqlModels: string[];
}

export interface ModelsLineageInput {
  model: string;
  /** a number, an alias or `latest` */
  version: string;
}

export interface ModelsLineageOutput {
  model: string;
  version: number;
  digest: string;
  run: {
    id: string;
    experiment: string;
    name: string;
    startedMs: number;
    commit: string | null;
    dirty: boolean | null;
    deleted: boolean;
  } | null;
  data: {
    table: string;
    version: number;
    digest?: string;
  }[];
  trainingSets: string[];
  featureViews: string[];
  sqlModels: string[];
  tables: string[];
  sources: string[];
  aliases: {
    alias: string;
    fromMs: number;
    untilMs: number | null;
    actor: string;
    reason: string;
  }[];
  endpoints: {
    name: string;
    follows: string | null;
    role: "serving" | "shadow" | "named" | "past";
  }[];
  batches: {
    table: string;
    version: number;
    of: string;
    rows: number | null;
    atMs: number;
  }[];
}

export interface TracesListInput {
  /** id of an experiment */
  experiment?: string;
  /** that began then or later */
  since?: string;
  /** that began before */
  until?: string;
  status?: "running" | "unset" | "ok" | "error";
  /** with % for any text */
  name?: string;
  /** that took at least so many milliseconds */
  slower?: number;
  session?: string;
  user?: string;
  /** made in this run, or linked to it */
  run?: string;
  /** key=value, or a key alone */
  tag?: string;
  /** key=value, or a key alone */
  metadata?: string;
  /** that some span says, in any case */
  text?: string;
  limit?: number;
  /** as the page before gave it */
  cursor?: string;
}

export interface TracesListOutput {
  traces: {
    id: string;
    experiment: string;
    name: string | null;
    status: "running" | "unset" | "ok" | "error";
    started: string;
    ms: number | null;
    spans: number;
    run: string | null;
    session: string | null;
    user: string | null;
    inputs: string | null;
    outputs: string | null;
    tags: Record<string, string>;
  }[];
  nextCursor: string | null;
}

export interface TracesShowInput {
  id: string;
}

export interface TracesShowOutput {
  id: string;
  experiment: string;
  name: string | null;
  status: "running" | "unset" | "ok" | "error";
  started: string;
  ms: number | null;
  spans: number;
  run: string | null;
  session: string | null;
  user: string | null;
  inputs: string | null;
  outputs: string | null;
  tags: Record<string, string>;
  metadata: Record<string, string>;
  links: {
    kind: string;
    id: string;
  }[];
  assessments: {
    id: string;
    name: string;
    kind: string;
    value: unknown;
    rationale: string | null;
    source: string | null;
    valid: boolean;
  }[];
  tree: {
    id: string;
    parent: string | null;
    depth: number;
    name: string;
    kind: "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";
    status: "unset" | "ok" | "error";
    message: string;
    startNs: string;
    endNs: string | null;
    ms: number | null;
    attributes: Record<string, unknown>;
    events: {
      name: string;
      timeNs: string;
      attributes: Record<string, unknown>;
    }[];
    links: {
      trace: string;
      span: string;
      attributes: Record<string, unknown>;
    }[];
    resource: Record<string, unknown>;
    scope: {
      name: string;
      version: string;
    };
  }[];
}

export interface TracesDeleteInput {
  id?: string;
  /** id of an experiment; with --before */
  experiment?: string;
  before?: string;
}

export interface TracesDeleteOutput {
  deleted: number;
}

export interface MonitoringDaysInput {
  endpoint: string;
}

export interface MonitoringDaysOutput {
  days: {
    day: string;
    version: number;
    role: "serving" | "shadow";
    predictions: number;
    labelled: number;
    positives: number;
    mature: boolean;
    meanScore: number | null;
    baseRate: number | null;
    auc: number | null;
    aucStandardError: number | null;
    logLoss: number | null;
    calibration: number | null;
  }[];
}

export interface MonitoringDriftInput {
  endpoint: string;
  /** a day such as 2001-06-12; the last closed one when left out */
  day?: string;
}

export interface MonitoringDriftOutput {
  drift: {
    day: string;
    version: number;
    rows: number;
    features: {
      feature: string;
      psi: number | null;
      psiWithoutDrift: number | null;
      ks: number | null;
      missing: number;
      missingInTraining: number;
    }[];
    quality: {
      passed: number;
      inconclusive: number;
      failed: {
        name: string;
        kind: "metric" | "champion" | "slices" | "invariant" | "directional" | "minimumFunctionality" | "drift" | "decay" | "data";
        status: "passed" | "failed" | "inconclusive";
        severity: "error" | "warning";
        expected: string;
        actual: number | string | null;
        reason: string;
        details: { [name: string]: JsonValue };
      }[];
    };
  }[];
}

export interface RetrainingListInput {
  endpoint: string;
}

export interface RetrainingListOutput {
  retrainings: {
    id: string;
    endpoint: string;
    atMs: number;
    version: number;
    reasons: {
      name: string;
      kind: "metric" | "champion" | "slices" | "invariant" | "directional" | "minimumFunctionality" | "drift" | "decay" | "data";
      status: "passed" | "failed" | "inconclusive";
      severity: "error" | "warning";
      expected: string;
      actual: number | string | null;
      reason: string;
      details: { [name: string]: JsonValue };
    }[];
    state: "pending" | "running" | "done" | "failed";
    flow: string;
    runId: string | null;
    outcome: {
      promoted: boolean;
      model: string;
      version: number;
      previous?: number;
      verdict: "passed" | "failed" | "inconclusive";
      summary: string;
      metrics: Record<string, number | null>;
    } | null;
    error: string | null;
    createdMs: number;
    updatedMs: number;
  }[];
}

export type MetricsShowInput = Record<string, never>;
