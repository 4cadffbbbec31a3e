/** Every permission a route may declare, and what it lets a caller do. */
export const permissions = {
  public: "Nothing secret: anybody who reaches the server.",
  "project:read": "Look at definitions, tables, runs, models, features and metrics.",
  "project:run": "Start and stop runs, ingest and build.",
  "project:purge": "Remove for ever: archived runs and experiments, and blobs that nothing refers to.",
  "models:write": "Register versions and move aliases.",
  "webhooks:write": "Look at, make, change and test webhooks: the addresses that are told of events.",
  "predictions:make": "Ask endpoints for predictions.",
  "predictions:read": "Look at recorded predictions and their traces.",
  "access:write": "Make and revoke tokens.",
} as const;

export type Permission = keyof typeof permissions;

export function isPermission(name: string): name is Permission {
  return Object.hasOwn(permissions, name);
}
