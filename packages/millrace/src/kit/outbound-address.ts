import { BlockList, isIP } from "node:net";

/**
 * Whether an address belongs to the public internet: IANA's special-purpose registries (RFC 6890 and its updates) name those that do
 * not. Of IPv6 only global unicast counts (2000::/3), and in it nothing that carries an IPv4 address (6to4, Teredo), so that none
 * gets through in another's clothes; IPv4-mapped addresses and NAT64 lie outside of it anyhow.
 *
 * @param address as DNS or `URL` give it: an address and nothing else, without brackets
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !special4.check(address, "ipv4");
  if (family === 6 && !address.includes("%")) return global6.check(address, "ipv6") && !special6.check(address, "ipv6");
  return false;
}

const special4 = subnets("ipv4", [
  ["0.0.0.0", 8], // this network; 0.0.0.0 reaches this machine
  ["10.0.0.0", 8], // private
  ["100.64.0.0", 10], // carrier-grade NAT
  ["127.0.0.0", 8], // loopback
  ["169.254.0.0", 16], // link-local; clouds' metadata
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments
  ["192.0.2.0", 24], // documentation
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16], // private
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, broadcast
]);

const global6 = subnets("ipv6", [["2000::", 3]]);

const special6 = subnets("ipv6", [
  ["2001::", 23], // protocol assignments: Teredo, ORCHID, benchmarks
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4
  ["3fff::", 20], // documentation
]);

function subnets(family: "ipv4" | "ipv6", ranges: [network: string, prefix: number][]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, family);
  return list;
}
