import { mlflowWebhookFormat } from "#compat/mlflow";
import type { Project } from "#domains/project";
import { standardFormat, type WebhookServices } from "#domains/webhooks";
import type { Bell } from "#kit/bell";
import { createOutbound } from "#kit/outbound-http";
import type { Services } from "./services.ts";

/** What webhooks work with: the configured way out, and every way to write a message. */
export function webhookServices({
  state,
  clock,
  project,
  bell,
}: Pick<Services, "state" | "clock"> & { project: Pick<Project, "config">; bell: Bell }): WebhookServices {
  return {
    state,
    clock,
    bell,
    outbound: createOutbound({ allow: project.config.outbound.allow }),
    formats: { millrace: standardFormat, mlflow: mlflowWebhookFormat(state) },
  };
}
