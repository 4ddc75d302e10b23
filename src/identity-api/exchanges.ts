// Who is told of every token of a job that is exchanged for an SVID, and of every one that is refused (`Attestor.exchanges`).
import type { Svid } from '../identity/svid.ts';
import type { CellwallError } from '../lib/errors.ts';
import type { Evidence } from '../model/evidence.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';

export interface Exchanged {
  readonly attestor: string;
  readonly spiffeId: SpiffeId;
  readonly svid: Pick<Svid, 'serial' | 'notAfter'>;
  readonly nodeKey: string;
  readonly address: string;
  /** What the token proved. */
  readonly values: Evidence['values'];
}

export interface RefusedExchange {
  readonly attestor?: string;
  readonly address: string;
  readonly failed: CellwallError;
  /** Which selectors came closest. */
  readonly why: readonly string[];
  readonly nodeKey?: string;
  /** Absent: the token proves nothing. */
  readonly values?: Evidence['values'];
}

export interface Exchanges {
  /** Before the job gets its SVID. If it rejects, the job gets none. */
  exchanged(exchange: Exchanged): Promise<void>;
  /** Its runner says that the job has ended. Returns at once. */
  ended(job: Omit<Exchanged, 'svid'>): void;
  /** Returns at once. */
  refused(refusal: RefusedExchange): void;
}
