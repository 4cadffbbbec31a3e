import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface Answer {
  status: number;
  body: Buffer;
}

/** One connection that is kept, one request at a time. */
export interface Connection {
  /** Sends a request's bytes as they are and waits for the whole answer. */
  send(request: Buffer): Promise<Answer>;
  close(): void;
}

/** Both know it for this machine, whatever the port; MLflow wants one. */
const host = "host: localhost:5000";

/** The bytes of a request: both servers get the same ones, but for the ids they gave themselves. */
export function requestBytes(method: string, path: string, body?: unknown): Buffer {
  const json = body === undefined ? "" : JSON.stringify(body);
  const lines = [`${method} ${path} HTTP/1.1`, host, "accept: application/json"];
  if (body !== undefined) lines.push("content-type: application/json", `content-length: ${Buffer.byteLength(json)}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${json}`);
}

/** A client that costs little itself: what it measures is the server. A connection that the server closed while it was idle is opened again. */
export async function openConnection(port: number): Promise<Connection> {
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  let parts: Buffer[] = [];
  const fail = (error: Error) => {
    waiting?.reject(error);
    waiting = undefined;
  };
  const take = (chunk: Buffer) => {
    parts.push(chunk);
    if (!isWhole(parts)) return;
    const answer = readAnswer(Buffer.concat(parts));
    if (answer === undefined) return;
    parts = [];
    const { resolve } = waiting!; // the server speaks only when it is asked
    waiting = undefined;
    resolve(answer);
  };
  const open = async (): Promise<Socket> => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    return socket
      .on("data", take)
      .on("error", fail)
      .on("close", () => fail(new Error("the server closed the connection")));
  };
  let socket = await open();
  return {
    async send(request) {
      if (socket.destroyed || socket.readableEnded) socket = await open();
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      });
    },
    close: () => void socket.destroy(),
  };
}

/** Sends a request with a body of many bytes, as fast as they are taken, and waits for the answer. */
export async function upload(port: number, path: string, sizeBytes: number): Promise<Answer> {
  const socket = connect({ host: "127.0.0.1", port });
  await once(socket, "connect");
  const parts: Buffer[] = [];
  const answered = new Promise<Answer>((resolve, reject) => {
    socket.on("error", reject).on("close", () => reject(new Error("the server closed the connection during an upload")));
    socket.on("data", (chunk: Buffer) => {
      parts.push(chunk);
      const answer = readAnswer(Buffer.concat(parts));
      if (answer !== undefined) resolve(answer);
    });
  });
  answered.catch(() => undefined); // told below
  socket.write(`PUT ${path} HTTP/1.1\r\n${host}\r\ncontent-type: application/octet-stream\r\ncontent-length: ${sizeBytes}\r\n\r\n`);
  for (let sent = 0; sent < sizeBytes; sent += block.length) await written(socket, block.subarray(0, Math.min(block.length, sizeBytes - sent)));
  return answered.finally(() => socket.destroy());
}

/** Reads an answer's body and throws it away. Gives its size. */
export async function download(port: number, path: string): Promise<{ status: number; sizeBytes: number }> {
  const socket = connect({ host: "127.0.0.1", port });
  await once(socket, "connect");
  socket.write(`GET ${path} HTTP/1.1\r\n${host}\r\nconnection: close\r\n\r\n`);
  let head = Buffer.alloc(0);
  let sizeBytes = 0;
  let wanted = Number.POSITIVE_INFINITY; // an answer in chunks ends with the connection
  let status = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    if (status !== 0) sizeBytes += chunk.length;
    else {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) continue;
      const text = head.toString("latin1", 0, end);
      status = Number(text.slice(9, 12));
      wanted = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? wanted);
      sizeBytes = head.length - end - 4;
    }
    if (sizeBytes >= wanted) break;
  }
  return { status, sizeBytes };
}

const block = Buffer.alloc(1 << 20);
for (let i = 0; i < block.length; i += 4) block.writeUInt32LE(Math.imul(i, 2_654_435_761) >>> 0, i);

async function written(socket: Socket, bytes: Buffer): Promise<void> {
  if (!socket.write(bytes)) await once(socket, "drain");
}

/** Whether enough is there for the answer's length, or the last chunk's end: without it, large answers would be joined at every piece. */
function isWhole(parts: Buffer[]): boolean {
  const first = parts.length > 1 && parts[0]!.length < 1_024 ? Buffer.concat(parts.slice(0, 2)) : parts[0]!;
  const head = first.toString("latin1", 0, Math.min(first.length, 2_048));
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) {
    if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return true; // unknown: the reader looks
    const last = parts.at(-1)!;
    return (last.length < lastChunk.length ? Buffer.concat(parts.slice(-lastChunk.length)) : last).subarray(-lastChunk.length).equals(lastChunk);
  }
  return parts.reduce((sum, part) => sum + part.length, 0) >= Number(length);
}

const lastChunk = Buffer.from("0\r\n\r\n");

function readAnswer(bytes: Buffer): Answer | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = bytes.toString("latin1", 0, end);
  const status = Number(head.slice(9, 12));
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return bytes.length < end + 4 + Number(length) ? undefined : { status, body: bytes.subarray(end + 4) };
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, body: Buffer.alloc(0) };
  const chunks: Buffer[] = [];
  for (let at = end + 4; ;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (bytes.length < lineEnd + 2 + size + 2) return undefined;
    if (size === 0) return { status, body: Buffer.concat(chunks) };
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}
