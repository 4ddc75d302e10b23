// Calls of one kind, as they were recorded: who, what, how it was decided, how often. `simulate` replays them.

import type { AnonymousVia } from '../decide/request.ts';
import type { Verdict } from '../verdict.ts';
import type { RecordedPath } from './recorded-path.ts';

/** How a caller connected: without TLS, with TLS but no certificate, with a legacy CA's certificate, with an SVID of the mesh. */
export type CallerClass = AnonymousVia | 'mtls';

/** Calls that differ in nothing but their time are one, with a `count`. */
export interface RecordedCall {
  readonly service: string;
  /** Which of its ports; absent: `default`. */
  readonly port?: string;
  readonly caller: CallerClass;
  /** SPIFFE ID, for `mtls` only. */
  readonly principal?: string;
  /** For an anonymous caller: the name of the issuer whose token it sent, if one was verified. */
  readonly token?: string;
  /** For an anonymous caller: the subject of its legacy certificate, otherwise its address. Informative; no decision depends on it. */
  readonly peer?: string;
  /** HTTP method; `OTHER` for an unusual one. Absent on TCP. */
  readonly method?: string;
  /** Absent on TCP. */
  readonly path?: RecordedPath;
  /** `failed`: not denied, but it got no complete answer from the application, or ended before anything was decided. */
  readonly decision: Verdict | 'failed';
  readonly count: number;
  /** Epoch milliseconds. */
  readonly lastSeen: number;
}
