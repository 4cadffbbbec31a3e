import { defineConfig } from "millrace";

export default defineConfig({ name: "starter" });
// Everything lives in .millrace/ beside this file. One line each moves it out: `state: postgres(url)`, `blobs: s3("bucket")`.
