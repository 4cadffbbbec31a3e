/** Hashes two 32-bit integers to one in [0, 2^32): MurmurHash3's finaliser over their mix. The same on every machine and thread. */
export function mix(a: number, b: number): number {
  let x = Math.imul(b ^ 0x9e3779b9, 0x85ebca6b) ^ a;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
