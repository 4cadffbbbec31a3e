#!/usr/bin/env node
// Any Node can read this file: it checks the version before it loads what only a new one understands.
var wanted = [24, 6];
var parts = process.versions.node.split(".").map(Number);
if (parts[0] < wanted[0] || (parts[0] === wanted[0] && parts[1] < wanted[1])) {
  console.error("error: Millrace needs Node " + wanted.join(".") + " or newer; this is " + process.versions.node + ".");
  console.error("hint: npx -p node@24 millrace, or install Node 24 from your system's packages.");
  process.exit(2);
} else {
  // In a checkout the sources run as they are; the published package has only the bundle.
  var source = new URL("../src/entry/cli.ts", import.meta.url);
  var fs = await import("node:fs");
  await import(fs.existsSync(source) ? source.href : new URL("../dist/cli.js", import.meta.url).href);
}
