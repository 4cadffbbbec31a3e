import { execFile } from "node:child_process";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { isPublicAddress } from "./outbound-address.ts";
import { createOutbound, type OutboundOptions } from "./outbound-http.ts";

// A name's key and certificate for these tests alone: hooks.example, self-signed, valid for a hundred years.
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYQ+S1zv+Eac1iO+l
+dPxl2jHSYnvZDX6L/ONFKJuZjqhRANCAARPmBhHqKedDJnr2NYmF46J/dT1+mKo
xLJi2dyu08EpTQSF5Vw8eEV3xiIJXuEEMp9tecWR8GrIwMO1Xj7y4Gaw
-----END PRIVATE KEY-----`;
const certificate = `-----BEGIN CERTIFICATE-----
MIIBoTCCAUegAwIBAgIUZ4jLTcBrQt4MvqJP+FOCGNEIEQkwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNaG9va3MuZXhhbXBsZTAgFw0yNjExMjAxNzEzMjRaGA8yMTI2
MTAyNzE3MTMyNFowGDEWMBQGA1UEAwwNaG9va3MuZXhhbXBsZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABE+YGEeop50MmevY1iYXjon91PX6YqjEsmLZ3K7TwSlN
BIXlXDx4RXfGIgle4QQyn215xZHwasjAw7VePvLgZrCjbTBrMB0GA1UdDgQWBBQg
zNYlcwx/2CMBnHTBx6zHNQd1hzAfBgNVHSMEGDAWgBQgzNYlcwx/2CMBnHTBx6zH
NQd1hzAPBgNVHRMBAf8EBTADAQH/MBgGA1UdEQQRMA+CDWhvb2tzLmV4YW1wbGUw
CgYIKoZIzj0EAwIDSAAwRQIhALFLR7ywS6JzUMdipb9wuKx28RnLVhoHXazjQG0I
8hY0AiA7Z3KUUof60XXhGay44bGUMx1se6oVHEen3DinyodSNA==
-----END CERTIFICATE-----`;

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
});

async function listen(answer: RequestListener, tls = false): Promise<number> {
  const server = tls ? createTlsServer({ key, cert: certificate }, answer) : createServer(answer);
  servers.push(server);
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return (server.address() as AddressInfo).port;
}

const fine: RequestListener = (_request, response) => void response.end("fine");
const named = (addresses: string[], more: OutboundOptions = {}) => createOutbound({ resolve: async () => addresses, ...more });

describe("addresses that are not asked", () => {
  it.each([
    ..."127.0.0.1 127.8.9.1 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 100.127.255.255 0.0.0.0 0.1.2.3".split(" "),
    ..."192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.7 203.0.113.7 192.88.99.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255".split(" "),
    ..."::1 :: ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:7f00:1 fe80::1 fec0::1 fc00::1 fd00:ec2::254 ff02::1".split(" "),
    ..."64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1 2002:7f00:1:: 2002:808:808::1 2001::1 2001:db8::1 100::1 3fff::1 5f00::1".split(" "),
    ..."fe80::1%eth0 2606:4700::1%eth0 localhost 127.1".split(" "),
  ])("%s", (address) => expect(isPublicAddress(address)).toBe(false));

  it.each(["8.8.8.8", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::1"])(
    "but %s is",
    (address) => expect(isPublicAddress(address)).toBe(true),
  );
});

describe("URLs that are not asked", () => {
  const other = createOutbound({
    resolve: async () => {
      throw new Error("an address needs no look-up");
    },
  });
  it.each([
    ..."https://127.0.0.1 https://2130706433 https://0x7f000001 https://0177.0.0.1 https://0x7f.1 https://127.1 https://127.0.0.1.".split(" "),
    ..."https://017700000001 https://[::1] https://[::ffff:127.0.0.1] https://[::ffff:7f00:1] https://[0:0:0:0:0:ffff:a9fe:a9fe]".split(" "),
    ..."https://[64:ff9b::a9fe:a9fe] https://[2002:7f00:1::] https://[::] https://0 https://0.0.0.0 https://169.254.169.254/latest".split(" "),
    ..."https://127。0。0。1 https://①②⑦.⓪.⓪.① https://[fe80::1] https://10.0.0.1:8443 https://255.255.255.255".split(" "),
  ])("%s is not public however it is spelled", async (url) => {
    await expect(other.check(url)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("not on the public internet") as string,
    });
  });

  it.each(["http://8.8.8.8", "ftp://8.8.8.8", "file:///etc/passwd", "gopher://8.8.8.8", "javascript:alert(1)", "data:text/plain,x"])(
    "%s is not https",
    async (url) => {
      await expect(other.check(url)).rejects.toMatchObject({ code: "invalid_argument" });
    },
  );

  it.each([
    "",
    "hooks",
    "//8.8.8.8",
    "https://",
    "https://8.8.8.8/\n",
    "https://8.8.8.8/ x",
    "https:\\\\8.8.8.8",
    "https://[fe80::1%25eth0]",
    `https://8.8.8.8/${"x".repeat(3_000)}`,
  ])("%j is no URL", async (url) => {
    await expect(other.check(url)).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it.each(["https://me:secret@8.8.8.8", "https://me@8.8.8.8", "https://8.8.8.8@127.0.0.1", "https://:secret@8.8.8.8"])(
    "%s has somebody's name or password in it, which is not repeated",
    async (url) => {
      const error = await other.check(url).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "invalid_argument" });
      expect(JSON.stringify(error)).not.toContain("secret");
    },
  );

  it("has a host with one address that is not public, or with none", async () => {
    await expect(named(["8.8.8.8", "10.0.0.1"]).check("https://hooks.example")).rejects.toThrow("not on the public internet");
    await expect(named(["::ffff:127.0.0.1"]).send({ url: "https://hooks.example", method: "GET" })).rejects.toThrow("not on the public internet");
    await expect(named([]).check("https://hooks.example")).rejects.toMatchObject({ code: "unavailable" });
    const unknown = createOutbound({ resolve: () => Promise.reject(new Error("ENOTFOUND")) });
    await expect(unknown.check("https://hooks.example")).rejects.toMatchObject({
      code: "unavailable",
      message: "The host hooks.example has no address.",
    });
  });

  it("but public ones on any port may be", async () => {
    await other.check("https://8.8.8.8:8443/x?y=z");
    await other.check("https://[2606:4700::1111]:1");
    await named(["8.8.8.8", "2606:4700::1111"]).check("https://hooks.example:22/x");
  });
});

describe("allowed origins", () => {
  it("are asked although they are not https nor public, and nothing beside them", async () => {
    const port = await listen(fine);
    const outbound = createOutbound({ allow: [`http://127.0.0.1:${port}/`] });
    expect(await outbound.send({ url: `http://127.0.0.1:${port}/x`, method: "GET" })).toMatchObject({ status: 200, truncated: false });
    expect(await outbound.send({ url: `http://2130706433:${port}/x`, method: "GET" })).toMatchObject({ status: 200 }); // the same origin
    for (const url of [`http://127.0.0.1:${port + 1}`, `https://127.0.0.1:${port}`, `http://localhost:${port}`, `http://127.0.0.2:${port}`])
      await expect(outbound.send({ url, method: "GET" })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

describe("what is sent", () => {
  it("goes to the address that was looked at, under the host's own name, though the name changes meanwhile", async () => {
    let seen: Record<string, unknown> = {};
    const port = await listen(async (request, response) => {
      const servername = (request.socket as TLSSocket).servername;
      seen = { servername, host: request.headers.host, sign: request.headers["x-sign"], path: request.url, body: await text(request) };
      response.end("fine");
    }, true);
    const asked: string[] = [];
    const resolve = async (host: string) => (asked.push(host) === 1 ? ["127.0.0.1"] : ["127.0.0.2"]);
    const outbound = createOutbound({ resolve, allow: [`https://hooks.example:${port}`], ca: certificate });
    const answer = await outbound.send({ url: `https://hooks.example:${port}/in?a=1#b`, method: "POST", headers: { "x-sign": "v1" }, body: "é" });
    expect(Buffer.from(answer.body).toString()).toBe("fine");
    expect(seen).toEqual({ servername: "hooks.example", host: `hooks.example:${port}`, sign: "v1", path: "/in?a=1", body: "é" });
    expect(asked).toEqual(["hooks.example"]);
  });

  it("is looked at anew each time: a name that was public and is not any more is refused", async () => {
    const addresses = [["8.8.8.8"], ["169.254.169.254"]];
    const outbound = createOutbound({ resolve: async () => addresses.shift()! });
    await outbound.check("https://hooks.example");
    await expect(outbound.send({ url: "https://hooks.example", method: "POST" })).rejects.toThrow("not on the public internet");
  });

  it("needs a certificate of that name", async () => {
    const port = await listen(fine, true);
    const options = { resolve: async () => ["127.0.0.1"], allow: [`https://hooks.example:${port}`, `https://other.example:${port}`] };
    const untrusted = createOutbound(options).send({ url: `https://hooks.example:${port}`, method: "GET" });
    await expect(untrusted).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("CERT") as string });
    const misnamed = createOutbound({ ...options, ca: certificate }).send({ url: `https://other.example:${port}`, method: "GET" });
    await expect(misnamed).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("ALTNAME") as string });
  });

  it("follows no redirect", async () => {
    let hits = 0;
    const port = await listen((_request, response) => {
      hits++;
      response.writeHead(307, { location: "http://169.254.169.254/latest/meta-data/" }).end();
    });
    const answer = await createOutbound({ allow: [`http://127.0.0.1:${port}`] }).send({
      url: `http://127.0.0.1:${port}/`,
      method: "POST",
      body: "x",
    });
    expect(answer).toMatchObject({ status: 307, headers: { location: "http://169.254.169.254/latest/meta-data/" } });
    expect(hits).toBe(1);
  });

  it("uses no proxy that the environment names, where Node's own requests do", async () => {
    const proxy = await listen((_request, response) => void response.end("proxy"));
    const port = await listen(fine);
    const url = `http://127.0.0.1:${port}/`;
    const script = `
      import { get } from "node:http";
      import { createOutbound } from ${JSON.stringify(new URL("./outbound-http.ts", import.meta.url).href)};
      get("${url}", async (answer) => {
        const { body } = await createOutbound({ allow: ["${url}"] }).send({ url: "${url}", method: "GET" });
        console.log(await text(answer), Buffer.from(body).toString());
      });
      import { text } from "node:stream/consumers";`;
    const env = { ...process.env, NODE_USE_ENV_PROXY: "1", HTTP_PROXY: `http://127.0.0.1:${proxy}`, NO_PROXY: "", no_proxy: "" };
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { env });
    expect(stdout.trim()).toBe("proxy fine");
  });
});

describe("answers", () => {
  it("are read up to a size, and ended there", async () => {
    const port = await listen((_request, response) => {
      const more = () => response.write("x".repeat(10_000), () => response.destroyed || more());
      more(); // without end
    });
    const outbound = createOutbound({ allow: [`http://127.0.0.1:${port}`] });
    const answer = await outbound.send({ url: `http://127.0.0.1:${port}/`, method: "GET", maxAnswerBytes: 25_000 });
    expect(answer.truncated).toBe(true);
    expect(answer.body.length).toBe(25_000);
  });

  it("have a time to come in: for the name, the first byte and the last", async () => {
    const port = await listen((request, response) => {
      if (request.url === "/slow") response.write("x"); // and no end
    });
    const outbound = createOutbound({ allow: [`http://127.0.0.1:${port}`] });
    for (const path of ["/never", "/slow"])
      await expect(outbound.send({ url: `http://127.0.0.1:${port}${path}`, method: "GET", timeoutMs: 100 })).rejects.toMatchObject({
        code: "unavailable",
        message: `127.0.0.1:${port} did not answer within 0.1 s.`,
      });
    const endless = createOutbound({ resolve: () => new Promise(() => undefined) });
    await expect(endless.send({ url: "https://hooks.example", method: "GET", timeoutMs: 50 })).rejects.toMatchObject({ code: "unavailable" });
  });

  it("that never come, because nobody listens or the caller stops, are an error that says so", async () => {
    const port = await listen(fine);
    const outbound = createOutbound({ allow: [`http://127.0.0.1:${port}`, "http://127.0.0.1:1"] });
    await expect(outbound.send({ url: "http://127.0.0.1:1/", method: "GET" })).rejects.toMatchObject({
      code: "unavailable",
      message: "127.0.0.1:1 did not answer (ECONNREFUSED).",
    });
    const stopped = outbound.send({ url: `http://127.0.0.1:${port}/`, method: "GET", signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ code: "unavailable" });
  });
});
