/** Where bytes live: a local folder or a bucket. Keys are `/`-separated plain names, validated by the adapter. */

export interface BlobInfo {
  key: string;
  sizeBytes: number;
  /** Opaque version of the content; equal content may or may not share it. */
  etag: string;
  modifiedMs: number;
}

export interface BlobStore {
  readonly capabilities: {
    /** `localPath` works: other engines may open the blob as a file. */
    localFiles: boolean;
    /** Presigned URLs can be made. */
    presigned: boolean;
  };
  /**
   * Stores a blob, durable when resolved; readers see all of it or nothing. With `ifAbsent`, resolves to undefined and changes
   * nothing when the key is taken (exactly one of several racing writers wins).
   */
  put(key: string, data: Uint8Array | AsyncIterable<Uint8Array>, options?: { ifAbsent?: boolean }): Promise<BlobInfo | undefined>;
  /** Moves a finished local file in (a rename where the store is local), otherwise as `put`. The source file is gone afterwards. */
  putFile(key: string, path: string, options?: { ifAbsent?: boolean }): Promise<BlobInfo | undefined>;
  /** The bytes as a stream; `range` is [first, last] inclusive. Throws `not_found`. */
  get(key: string, range?: { first: number; last: number }): Promise<AsyncIterable<Uint8Array>>;
  head(key: string): Promise<BlobInfo | undefined>;
  /** Infos in key order, streamed. */
  list(prefix: string): AsyncIterable<BlobInfo>;
  /** Removes a blob; no error when it is not there. */
  delete(key: string): Promise<void>;
  /** A path on this machine with the blob's bytes: the file itself, or a cached copy for a remote store (blobs are immutable under their key, except those put without `ifAbsent` twice). */
  localPath(key: string): Promise<string>;
  close(): Promise<void>;
}
