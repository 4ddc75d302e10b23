// Maps error codes to gRPC's status numbers: one table for every gRPC edge. https://grpc.io/docs/guides/status-codes/
import type { CellwallError, ErrorCode } from './errors.ts';

const numbers: Readonly<Record<ErrorCode, number>> = {
  invalid_argument: 3,
  deadline_exceeded: 4,
  not_found: 5,
  already_exists: 6,
  permission_denied: 7,
  resource_exhausted: 8,
  failed_precondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
};

/** What a peer is told; for internal errors, no details. */
export function grpcStatus({ code, message, hint }: CellwallError): {
  readonly code: number;
  readonly details: string;
} {
  if (code === 'internal') return { code: numbers.internal, details: 'internal error' };
  return { code: numbers[code], details: hint === undefined ? message : `${message} (${hint})` };
}
