/** Open Inference Protocol V2 over REST, with the binary tensor extension: KServe's and Triton's clients, unchanged. */
export { openInferenceRoutes } from "./routes.ts";
