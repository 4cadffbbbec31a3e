import { defineConfig } from "millrace";

export default defineConfig({ name: "flight-delays" });
// One line each moves it out: `state: postgres(url)`, `blobs: s3("bucket")`.
