import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { collectBytes } from "#kit/collect-bytes";

const program = join(import.meta.dirname, "../../../../../tests/processes/artifact-server.ts");
const megabyte = 1_000_000;

let folder: string;
let child: ChildProcess;
let lines: AsyncIterator<string>;
let address: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-large-"));
});
afterEach(async () => {
  child.stdin!.end();
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  await rm(folder, { recursive: true, force: true });
}, 30_000); // a server that ends lets answers under way go on for 10 s

/** Starts a server of its own process; `limitBytes` is the largest file that it may write. */
async function start(limitBytes?: number): Promise<void> {
  const command = `${limitBytes === undefined ? "" : `ulimit -f ${limitBytes / 512}; trap '' XFSZ; `}exec "$0" --conditions=source "$1" "$2"`;
  child = spawn("sh", ["-c", command, process.execPath, program, folder], { stdio: ["pipe", "pipe", "inherit"] });
  lines = createInterface(child.stdout!)[Symbol.asyncIterator]();
  address = String((await lines.next()).value);
}

async function memory(): Promise<{ now: number; peak: number }> {
  child.stdin!.write("memory\n");
  return JSON.parse(String((await lines.next()).value)) as { now: number; peak: number }; // as the program prints it
}

const url = (name: string) => `${address}/api/2.0/mlflow-artifacts/artifacts/place/${name}`;

/** Bytes that differ from one megabyte to the next, made as they are asked for. */
async function* content(megabytes: number): AsyncGenerator<Buffer> {
  const block = Buffer.alloc(megabyte);
  for (let i = 0; i < megabytes; i++) {
    for (let at = 0; at < megabyte; at += 4_096) block.writeUInt32LE(i * 7_919 + at, at);
    yield Buffer.from(block);
  }
}

/** Sends a file until it is answered; what is answered before the end is an error. */
async function upload(name: string, megabytes: number): Promise<{ status: number; text: string }> {
  const sending = request(url(name), { method: "PUT", headers: { "content-length": String(megabytes * megabyte) } });
  const answered = once(sending, "response") as Promise<[IncomingMessage]>;
  let early = false;
  void answered.then(() => (early = true));
  for await (const block of content(megabytes)) {
    if (early) break;
    if (!sending.write(block)) await Promise.race([once(sending, "drain"), answered]);
  }
  if (!early) sending.end();
  const [answer] = await answered;
  const text = (await collectBytes(answer)).toString();
  if (early) sending.destroy();
  return { status: answer.statusCode ?? 0, text };
}

/** The same with a plain socket that sends everything before it looks for an answer, as many clients do. */
async function uploadBlindly(name: string, megabytes: number): Promise<string> {
  const { hostname, port, pathname } = new URL(url(name));
  const socket = connect(Number(port), hostname);
  socket.write(`PUT ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-length: ${megabytes * megabyte}\r\n\r\n`);
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  for await (const block of content(megabytes)) if (!socket.write(block)) await once(socket, "drain");
  await expect.poll(() => text).toContain("}");
  socket.destroy();
  return text;
}

const unfinished = async (): Promise<string[]> => [
  ...(await readdir(join(folder, "scratch")).catch(() => [])),
  ...(await readdir(join(folder, "blobs", ".millrace-unfinished"))),
];

describe("a server that passes large files on", () => {
  it.runIf(existsSync("/proc/self/status"))(
    "needs no more memory than before, however large they are",
    async () => {
      await start();
      await upload("warm-up", 20);
      const before = await memory();
      expect((await upload("large.bin", 300)).status).toBe(200);
      const sent = createHash("sha256");
      for await (const block of content(300)) sent.update(block);
      const received = createHash("sha256");
      for await (const chunk of (await fetch(url("large.bin"))).body!) received.update(chunk as Uint8Array); // of a body are bytes
      expect(received.digest("hex")).toBe(sent.digest("hex"));
      const after = await memory();
      expect((after.peak - before.now) / megabyte).toBeLessThan(40);
    },
    60_000,
  );

  it("keeps nothing of a file whose sender goes away half-way", async () => {
    await start();
    const sending = request(url("half.bin"), { method: "PUT", headers: { "content-length": String(50 * megabyte) } });
    const failed = once(sending, "error");
    for await (const block of content(20)) if (!sending.write(block)) await once(sending, "drain");
    await expect.poll(unfinished).toHaveLength(1);
    sending.destroy(new Error("gone"));
    await failed;
    await expect.poll(unfinished).toEqual([]);
    expect((await fetch(url("half.bin"))).status).toBe(404);
    expect(await readdir(join(folder, "blobs"))).toEqual([".millrace-unfinished"]);
  }, 30_000);

  it("says when a file is too large for its disk, and keeps nothing of it", async () => {
    await mkdir(join(folder, "blobs"));
    await start(32 * 1_024 * 1_024);
    expect((await upload("fits.bin", 20)).status).toBe(200);
    const { status, text } = await upload("large.bin", 80);
    expect([status, JSON.parse(text)]).toMatchObject([507, { message: expect.stringContaining("The disk takes no more") as unknown }]);
    expect(await uploadBlindly("blind.bin", 80)).toMatch(/^HTTP\/1.1 507 [^]*The disk takes no more/);
    expect(await unfinished()).toEqual([]);
    expect((await fetch(url("large.bin"))).status).toBe(404);
    expect((await (await fetch(url("fits.bin"))).arrayBuffer()).byteLength).toBe(20 * megabyte);
  }, 30_000);

  it("sends on to others while one receiver stands still, and forgets a receiver that goes away", async () => {
    await start();
    await upload("large.bin", 60);
    const answer = await new Promise<IncomingMessage>((resolve) => void request(url("large.bin"), resolve).end());
    answer.pause();
    await once(answer, "readable");
    expect((await (await fetch(url("large.bin"))).arrayBuffer()).byteLength).toBe(60 * megabyte);
    answer.destroy();
    const open = async () => (await readdir(`/proc/${child.pid}/fd`).catch(() => [])).length;
    const before = await open();
    for (let i = 0; i < 5; i++) (await fetch(url("large.bin"))).body!.cancel().catch(() => undefined);
    await expect.poll(open).toBeLessThanOrEqual(before);
  }, 30_000);
});
