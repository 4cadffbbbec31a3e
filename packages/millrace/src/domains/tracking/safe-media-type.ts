/** Types that no browser runs or takes for a page, whatever the bytes are. */
const harmless = new Set([
  ...["image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"],
  ...["audio/mpeg", "audio/ogg", "audio/wav", "audio/x-wav", "audio/flac", "video/mp4", "video/webm"],
  ...["application/json", "application/pdf", "application/zip", "application/gzip", "application/vnd.apache.parquet", "text/csv"],
]);

/**
 * The type under which a file is sent that came with the given one. What could become a page or a script (HTML, SVG, XML, JavaScript)
 * is sent as plain text or as bytes without a type: whoever uploads must not choose what another's browser makes of it.
 */
export function safeMediaType(given: string | undefined): string {
  const type = (given ?? "").split(";")[0]!.trim().toLowerCase(); // split gives at least one part
  if (harmless.has(type)) return type;
  return type.startsWith("text/") && !/html|xml|javascript|ecmascript|script/.test(type) ? "text/plain; charset=utf-8" : "application/octet-stream";
}
