import { text } from "./record-values.ts";
import type { Answer, RestClient } from "./rest-client.ts";
import { objects, pages } from "./rest-values.ts";
import { type ArtifactFile, type ArtifactFolder, type ArtifactOwner, placeOf } from "./source.ts";

/** How a server is asked for the files of one owner. */
interface Way {
  /** Entries of a folder, `""` for the root; their paths from the root. */
  list(folder: string): AsyncIterable<Entry>;
  bytes(path: string): AsyncIterable<Uint8Array>;
}

interface Entry {
  path: string;
  folder: boolean;
  sizeBytes: number;
}

/** Files as the server hands them out: from its own store where it keeps them, else through the run or model that has them. */
export function restFiles(client: RestClient, owner: ArtifactOwner): ArtifactFolder {
  const way = wayOf(client, owner);
  return {
    async *list() {
      const pending = [""];
      for (let folder = pending.shift(); folder !== undefined; folder = pending.shift()) {
        for await (const { path, folder: isFolder, sizeBytes } of way.list(folder)) {
          if (isFolder) pending.push(path);
          else yield fileAt(way, path, sizeBytes);
        }
      }
    },
  };
}

function fileAt(way: Way, path: string, sizeBytes: number): ArtifactFile {
  return { path, sizeBytes, stamp: "", bytes: () => way.bytes(path) };
}

function wayOf(client: RestClient, { kind, id, location }: ArtifactOwner): Way {
  const place = placeOf(location);
  if (place.kind === "proxied") {
    const base = "/api/2.0/mlflow-artifacts/artifacts";
    const below = (path: string) => [place.path, path].filter((part) => part !== "").join("/");
    return {
      list: (folder) => entries((token) => client.get(base, { path: below(folder), page_token: token }), folder),
      bytes: (path) => client.bytes(`${base}/${below(path).split("/").map(encodeURIComponent).join("/")}`),
    };
  }
  if (kind === "logged model") {
    const base = `mlflow/logged-models/${encodeURIComponent(id)}/artifacts`;
    return {
      list: (folder) =>
        entries((token) => client.get(`/api/2.0/${base}/directories`, { artifact_directory_path: folder || undefined, page_token: token }), ""),
      bytes: (path) => client.bytes(`/ajax-api/2.0/${base}/files`, { artifact_file_path: path }),
    };
  }
  if (kind === "run") {
    return {
      list: (folder) =>
        entries((token) => client.get("/api/2.0/mlflow/artifacts/list", { run_id: id, path: folder || undefined, page_token: token }), ""),
      bytes: (path) => client.bytes("/get-artifact", { run_uuid: id, path }),
    };
  }
  return { async *list() {}, async *bytes() {} }; // a version's files that no run and no logged model has: servers do not list them
}

async function* entries(ask: (token?: string) => Promise<Answer>, below: string): AsyncGenerator<Entry> {
  for await (const answer of pages(ask)) {
    for (const file of objects(answer, "files")) {
      const path = text(file["path"]);
      yield { path: below === "" ? path : `${below}/${path}`, folder: file["is_dir"] === true, sizeBytes: Number(file["file_size"] ?? 0) };
    }
  }
}
