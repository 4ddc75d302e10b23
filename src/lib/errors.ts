// The one error class. Codes are gRPC's canonical ones; two edges map them (gRPC status in xds, HTTP status in admin).
// A bad document is not an error: it becomes a Problem (model/problem.ts).

/** Canonical codes (https://grpc.io/docs/guides/status-codes/), the ones in use. */
export type ErrorCode =
  | 'invalid_argument'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'unauthenticated'
  | 'failed_precondition'
  | 'resource_exhausted'
  | 'aborted'
  | 'unavailable'
  | 'deadline_exceeded'
  | 'unimplemented'
  | 'internal';

/** An expected failure, with a hint that says what to do. Its message never contains a secret. */
export class CellwallError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CellwallError';
    this.code = code;
    this.hint = options.hint;
  }

  /** Any thrown value as a CellwallError; anything else becomes `internal`. */
  static from(reason: unknown): CellwallError {
    if (reason instanceof CellwallError) return reason;
    const message = reason instanceof Error ? reason.message : String(reason);
    return new CellwallError('internal', message, { cause: reason });
  }
}
