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
  /** any of public, project:read, project:run, models:write, predictions:make, predictions:read, access:write */
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

export type ModelsListInput = Record<string, never>;

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
}

export interface ModelsShowInput {
  model: string;
}

export interface ModelsShowOutput {
  name: string;
  description: string;
  tags: Record<string, string>;
  createdMs: number;
  updatedMs: number;
  aliases: Record<string, number>;
  latest?: number;
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
