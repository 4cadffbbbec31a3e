import { mlflowWebhookFormat } from "#compat/mlflow";
import type { Project } from "#domains/project";
import { type Outbox, standardFormat, type WebhookServices } from "#domains/webhooks";
import { createOutbound } from "#kit/outbound-http";
import type { Secrets } from "#kit/secret-box";
import type { Services } from "./services.ts";

/** What webhooks work with: the configured way out, and every way to write a message. */
export function webhookServices({
  state,
  clock,
  project,
  outbox,
  secrets,
}: Pick<Services, "state" | "clock"> & { project: Pick<Project, "config">; outbox: Outbox; secrets: Secrets }): WebhookServices {
  return {
    state,
    clock,
    outbox,
    secrets,
    outbound: createOutbound({ allow: project.config.outbound.allow }),
    formats: { millrace: standardFormat, mlflow: mlflowWebhookFormat(state) },
  };
}
