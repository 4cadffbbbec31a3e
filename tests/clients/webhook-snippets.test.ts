import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { standardFormat } from "#domains/webhooks";
import { blocksOf, readPage } from "../journeys/run-document.ts";
import { pythonWith } from "../services/python-venv.ts";

const secret = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
const run = promisify(execFile);

let folder: string;
let genuine: object[];
let forged: object[];
let snippets: Map<string, string>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-snippets-"));
  const data = { model: "délai", version: 2, alias: "champion" };
  const message = (atMs: number) => {
    const body = String(standardFormat.body({ event: "alias.moved", atMs, data }, {}));
    return { body, headers: standardFormat.headers({ id: "01M7X18XBXN6M5ZVS3Z4YBN6QK", atMs, body, secret }) };
  };
  const now = message(Date.now());
  genuine = [now];
  forged = [
    { ...now, body: now.body.replace("2", "3") },
    { ...now, headers: { ...now.headers, "webhook-id": "another" } },
    { ...now, headers: { ...now.headers, "webhook-timestamp": String(Number(now.headers["webhook-timestamp"]) + 1) } },
    { ...now, headers: { ...now.headers, "webhook-signature": "v1," } },
    message(Date.now() - 400_000), // somebody kept it
  ];
  snippets = new Map(blocksOf(await readPage("docs/how-to/registry.md")).map(({ language, text }) => [language, text]));
});
afterAll(() => rm(folder, { recursive: true }));

async function verdicts(program: string, script: string): Promise<boolean[]> {
  const file = join(folder, `verify.${script.startsWith("import base64") || script.startsWith("from") ? "py" : "ts"}`);
  await writeFile(file, script);
  const { stdout } = await run(program, [file, secret, JSON.stringify([...genuine, ...forged])]);
  return JSON.parse(stdout) as boolean[];
}
const expected = () => [...genuine.map(() => true), ...forged.map(() => false)];

it("messages are verified by the page's TypeScript, and forged ones refused", async () => {
  const ask = `console.log(JSON.stringify(JSON.parse(process.argv[3]!).map(({ headers, body }) => verify(process.argv[2]!, headers, body))));`;
  expect(await verdicts(process.execPath, `${snippets.get("ts")}\n${ask}`)).toEqual(expected());
});

it("messages are verified by the page's Python, and forged ones refused", async () => {
  const ask = `import json, sys\nprint(json.dumps([verify(sys.argv[1], m["headers"], m["body"]) for m in json.loads(sys.argv[2])]))`;
  expect(await verdicts(await pythonWith(["standardwebhooks==1.0.1"]), `${snippets.get("python")}\n\n${ask}`)).toEqual(expected());
});

it("messages are verified by the Standard Webhooks library 1.0.1, and forged ones refused", async () => {
  const script = `from standardwebhooks.webhooks import Webhook, WebhookVerificationError
import json, sys

def verify(message):
    try:
        Webhook(sys.argv[1]).verify(message["body"], message["headers"])
        return True
    except WebhookVerificationError:
        return False

print(json.dumps([verify(message) for message in json.loads(sys.argv[2])]))`;
  expect(await verdicts(await pythonWith(["standardwebhooks==1.0.1"]), script)).toEqual(expected());
});
