import { promisify } from "node:util";
import { gunzip, inflate, inflateRaw } from "node:zlib";
import { AppError } from "#kit/app-error";

/** As large as a request may be that is not compressed. */
const largestBytes = 64 * 1024 * 1024;
const unpackers = { gzip: [promisify(gunzip)], deflate: [promisify(inflate), promisify(inflateRaw)] }; // some send deflate without its frame

/** A request's bytes, unpacked. Throws `invalid_argument` for a packing that is unknown, damaged, or of too much. */
export async function unpackBody(body: Uint8Array, contentEncoding: unknown): Promise<Uint8Array> {
  const packing = typeof contentEncoding === "string" ? contentEncoding.trim().toLowerCase() : "";
  if (packing === "" || packing === "identity") return body;
  if (packing !== "gzip" && packing !== "deflate") {
    throw new AppError("invalid_argument", `A body in the encoding "${packing.slice(0, 50)}" is not read here.`, {
      hint: "Send gzip, deflate, or none.",
    });
  }
  let failure: unknown;
  for (const unpack of unpackers[packing]) {
    try {
      return await unpack(body, { maxOutputLength: largestBytes });
    } catch (error) {
      failure = error;
    }
  }
  const tooLarge = failure instanceof Error && "code" in failure && failure.code === "ERR_BUFFER_TOO_LARGE";
  const how = tooLarge ? `is more than ${largestBytes / 2 ** 20} MB when unpacked` : `is not ${packing}`;
  throw new AppError("invalid_argument", `The request's body ${how}.`, {
    cause: failure,
    ...(tooLarge && { hint: "Send fewer spans at once.", details: { status: 413 } }),
  });
}
