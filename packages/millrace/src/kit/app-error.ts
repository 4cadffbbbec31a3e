import { errorCodes, type ErrorCode } from "./error-codes.ts";

export interface AppErrorOptions {
  /** What to do about it: one sentence, shown as `hint:` on the terminal and as `hint` in JSON. */
  hint?: string;
  /** The error that led to this one. */
  cause?: unknown;
  /** Facts for programs, such as the field's path; never secrets. */
  details?: Record<string, unknown>;
}

/** The one error class: a code from the table, a message that says what and why, and a hint that says what to do. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }

  get status(): number {
    return errorCodes[this.code].status;
  }

  get exitCode(): number {
    return errorCodes[this.code].exit;
  }

  toJSON(): { code: ErrorCode; message: string; hint?: string; details?: Record<string, unknown> } {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint !== undefined && { hint: this.hint }),
      ...(this.details !== undefined && { details: this.details }),
    };
  }
}

/** Turns anything thrown into an `AppError`, translating the operating system's codes that users meet (disk full, permissions). */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const osCode = thrown instanceof Error && "code" in thrown ? String(thrown.code) : undefined;
  if (osCode === "ENOSPC" || osCode === "EDQUOT" || /database or disk is full|No space left on device|Disk quota exceeded/.test(message)) {
    return new AppError("storage_full", `The disk is full: ${message}.`, {
      cause: thrown,
      hint: "Free some space and run the same command again; it takes up where it stopped.",
    });
  }
  // SQLite says no more than "disk I/O error" of a file that may grow no further, and of a disk that fails.
  if (osCode === "EFBIG" || osCode === "EIO" || /disk I\/O error|File too large|Input\/output error/.test(message)) {
    return new AppError("storage_full", `The disk takes no more: ${message}.`, {
      cause: thrown,
      hint: "Free some space, raise the limit on the size of files (ulimit -f), or look after the disk; then run the same command again: it takes up where it stopped.",
    });
  }
  if (osCode === "EACCES" || osCode === "EPERM" || osCode === "EROFS") {
    return new AppError("permission_denied", `The operating system refused: ${message}.`, {
      cause: thrown,
      hint: "Check the owner and mode of the named file or folder.",
    });
  }
  return new AppError("internal", message, { cause: thrown });
}
