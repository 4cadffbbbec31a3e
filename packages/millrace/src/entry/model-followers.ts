import { mlflowFollower } from "#compat/mlflow";
import { renameModelVersions } from "#domains/lineage";
import type { ModelFollower } from "#domains/registry";

/** What else knows models by their names. The lineage of one that is deleted stays: predictions and tables still lead to it. */
export const modelFollowers: ModelFollower[] = [{ renamed: renameModelVersions }, mlflowFollower];
