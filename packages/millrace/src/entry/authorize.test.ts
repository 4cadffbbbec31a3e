import { describe, expect, it } from "vitest";
import type { Actor } from "#kit/route";
import { authorize, isLoopback, refuseForeign } from "./authorize.ts";

const reader: Actor = { name: "reader", permissions: new Set(["project:read"]) };
const actorOf = async (secret: string) => (secret === "mr_good" ? reader : undefined);
const far = { actorOf, loopback: false };
const read = { permission: "project:read" } as const;
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });

describe("authorize", () => {
  it.each([
    ["a bearer token", { authorization: "Bearer mr_good" }],
    ["the scheme in any case", { authorization: "bearer mr_good" }],
    ["name and secret as user and password", basic("reader:mr_good")],
  ])("knows %s", async (_, headers) => {
    expect(await authorize(read, headers, far)).toBe(reader);
  });

  it.each([
    ["no token", {}, /needs a token/],
    ["an unknown one", { authorization: "Bearer mr_bad" }, /opens nothing/],
    ["another's name beside a secret", basic("admin:mr_good"), /opens nothing/],
    ["no name beside a secret", basic(":mr_good"), /opens nothing/],
    ["a default password", basic("admin:password1234"), /opens nothing/],
    ["an empty password", basic("reader:"), /opens nothing/],
    ["Basic without a colon", basic("mr_good"), /opens nothing/],
    ["another scheme", { authorization: "Digest mr_good" }, /opens nothing/],
    ["a scheme alone", { authorization: "Bearer" }, /opens nothing/],
    ["two tokens", { authorization: "Bearer mr_bad mr_good" }, /opens nothing/],
  ])("lets nobody in with %s", async (_, headers, message) => {
    await expect(authorize(read, headers, far)).rejects.toMatchObject({ code: "unauthenticated", message: expect.stringMatching(message) });
  });

  it("names the permission that a token lacks", async () => {
    await expect(authorize({ permission: "access:write" }, { authorization: "Bearer mr_good" }, far)).rejects.toMatchObject({
      ...{ code: "permission_denied", message: '"reader" lacks the permission access:write.' },
    });
  });

  it("takes whoever is at this machine for its owner, but not with a token that opens nothing", async () => {
    expect(await authorize({ permission: "access:write" }, {}, { actorOf, loopback: true })).toMatchObject({ name: "local" });
    await expect(authorize(read, { authorization: "Bearer mr_bad" }, { actorOf, loopback: true })).rejects.toMatchObject({ code: "unauthenticated" });
  });

  it("lets anybody ask what is public", async () => {
    expect(await authorize({ permission: "public" }, {}, far)).toMatchObject({ name: "anonymous" });
    expect((await authorize({ permission: "public" }, {}, far)).permissions.size).toBe(0);
  });
});

describe("requests of other sites", () => {
  const foreignHosts = [
    ...["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "127.0.0.1@evil.example", "[::2]"],
    ...["8.8.8.8", "10.evil.example", "192.168.evil.example", "10.0.0.1.evil.example", "172.32.0.1", "0.0.0.0"],
  ];
  it.each(foreignHosts)("are refused by their host %j on loopback, except by probes", (host) => {
    expect(() => refuseForeign({ host }, { loopback: true })).toThrow(/^Invalid Host header: ".*" is not this server's/);
    expect(refuseForeign({ host }, { loopback: true, probe: true })).toBeUndefined();
  });

  it.each(["http://evil.example", "null", "http://127.0.0.1:9", "https://127.0.0.1.evil.example", "file://", "nonsense"])(
    "are refused by their origin %j",
    (origin) => {
      expect(() => refuseForeign({ host: "127.0.0.1:4040", origin }, { loopback: true })).toThrow(/^Cross-origin request blocked/);
      expect(() => refuseForeign({ host: "127.0.0.1:4040", origin }, { loopback: true, probe: true })).toThrow(/^Cross-origin request blocked/);
      expect(() => refuseForeign({ host: "millrace.example", origin }, { loopback: false })).toThrow(/^Cross-origin request blocked/);
    },
  );

  it("may be of another program on this machine where a protocol lets them, on loopback alone", () => {
    const rules = { loopback: true, localPages: true };
    for (const origin of ["http://localhost:3000", "http://127.0.0.1:5000", "http://[::1]:8080"])
      expect(refuseForeign({ host: "localhost:4040", origin }, rules)).toBe(origin);
    for (const origin of ["http://evil.example", "null", "file://", "http://localhost.evil.example", "https://127.0.0.1.evil.example:1"])
      expect(() => refuseForeign({ host: "localhost:4040", origin }, rules)).toThrow(/^Cross-origin request blocked/);
    expect(() => refuseForeign({ host: "m.example", origin: "http://localhost:3000" }, { ...rules, loopback: false })).toThrow(/^Cross-origin/);
  });

  it("are told apart from this one's", () => {
    for (const host of ["127.0.0.1:4040", "localhost:4040", "[::1]:4040", "127.1.2.3", "192.168.1.1:8080", "10.0.0.1", "172.16.0.1"])
      expect(refuseForeign({ host, origin: `http://${host}` }, { loopback: true })).toBeUndefined();
    refuseForeign({ host: "millrace.example" }, { loopback: false });
    expect(["localhost", "127.0.0.1", "::1"].every(isLoopback)).toBe(true);
    expect(["0.0.0.0", "::", "127.0.0.1.example", "1127.0.0.1"].some(isLoopback)).toBe(false);
  });
});
