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
  };
  /** Absent where only this process reaches the bytes, as in a local folder. */
  readonly direct?: DirectTransfers;
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
  /**
   * Keeps blobs from being removed for a day: for who is about to refer to what somebody else refers to, and looks once more whether
   * that one still does. Absent where nobody removes what is not referred to.
   */
  hold?(keys: string[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * How other programs move bytes to and from the store themselves: under addresses that open one blob, for one method, for a while
 * (1 to 604,800 whole seconds), to whoever has them. An upload has a key of its own that nobody wrote before; nothing of it is seen
 * until it is finished.
 */
export interface DirectTransfers {
  /** How many parts an upload may have, and how small all but the last may be. */
  readonly partsAtMost: number;
  readonly partBytesAtLeast: number;
  /** Begins an upload in parts and answers the store's name for it. */
  begin(key: string): Promise<string>;
  /** Addresses that take parts 1 to `count` by PUT; each answers the part's ETag. */
  partUrls(key: string, upload: string, options: { count: number; expiresSeconds: number }): Promise<string[]>;
  /**
   * Makes the parts, in ascending order, one blob, durable when resolved; again is harmless. Throws `invalid_argument` where they are
   * not what was sent, `not_found` where there is neither such an upload nor its blob.
   */
  finish(key: string, upload: string, parts: { number: number; etag: string }[]): Promise<BlobInfo>;
  /** Forgets an upload and its parts; no error when it is not there. */
  abort(key: string, upload: string): Promise<void>;
  /** Uploads that were begun and neither finished nor aborted. */
  unfinished(prefix: string): AsyncIterable<{ key: string; upload: string; begunMs: number }>;
  /** Address of a blob's bytes, for GET with or without a range; a browser saves them under `fileName` and shows nothing. */
  readUrl(key: string, options: { expiresSeconds: number; fileName: string }): Promise<string>;
  /** Copies a blob within the store. Throws `not_found`. */
  copy(from: string, to: string): Promise<void>;
}
