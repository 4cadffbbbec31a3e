import { expect, it } from "vitest";
import { checkLocation } from "./locations.ts";

it.each(["http://host#/abc/etc/", "http://host/;..%2F..%2Fetc", "s3://bucket/#f", "/folder/a#b"])(
  "parts of addresses beside the path are refused: %s",
  (location) => {
    expect(() => checkLocation(location, "artifact_location")).toThrow("'artifact_location' URL can't include fragments or params.");
  },
);

it.each(["http://host/x", "https://host/x", "ftp://host/x", "sftp://host/x"])("a host of its own is refused: %s", (location) => {
  expect(() => checkLocation(location, "artifact_location")).toThrow(/^'artifact_location' cannot use the '\w+' scheme/);
});

it.each(["s3://bucket/folder", "mlflow-artifacts:/folder", "gs://b", "/on/a/disk", "file:///on/a/disk"])(
  "a place is kept as it is: %s",
  (location) => {
    expect(checkLocation(location, "artifact_location")).toBe(location);
  },
);
