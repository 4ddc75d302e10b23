// How a call of the demo ended. Nothing here retries.
import type { Caller } from '../services/caller.ts';

export type Outcome =
  | { readonly kind: 'ok'; readonly body: unknown; readonly caller: Caller }
  /** The server, or the sidecar before it, said no: HTTP status or gRPC code. */
  | { readonly kind: 'refused'; readonly code: number; readonly details: string }
  /** No answer: connection refused, reset, handshake failed. */
  | { readonly kind: 'failed'; readonly details: string };

export const deadlineMs = 5000;

export function failed(reason: unknown): Outcome {
  return { kind: 'failed', details: wordsOf(reason) };
}

/** OpenSSL's reason without its source lines; a system error by its code. */
function wordsOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  for (const key of ['reason', 'code']) {
    const value: unknown = Reflect.get(reason, key);
    if (typeof value === 'string' && (key === 'reason' || reason.message === '')) return value;
  }
  return reason.message;
}

/** One line of it, for the evidence. */
export function describe(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'ok':
      return `answered, the server saw ${outcome.caller.peerId ?? 'an anonymous caller'}`;
    case 'refused':
      return `refused with ${outcome.code}${outcome.details === '' ? '' : ` (${outcome.details})`}`;
    case 'failed':
      return `no connection: ${outcome.details}`;
    default:
      return outcome satisfies never;
  }
}
