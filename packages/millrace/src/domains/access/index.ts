export { accessMigrations } from "./migrations.ts";
export { isPermission, permissions, type Permission } from "./permissions.ts";
export { accessRoutes } from "./routes.ts";
export { openSecrets, type SecretPlaces } from "./secrets.ts";
export { actorOf, createToken, listTokens, localActor, revokeToken, type AccessServices, type TokenInfo } from "./tokens.ts";
