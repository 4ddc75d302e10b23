// Makes reports of what was recorded, one after the other, signed by a key of this process, which the CA certifies for nothing but reports
// and for ten minutes: the certificate is on record like any other, and bounds when a report can have been made.
import type { Issuer } from '../identity/issuer.ts';
import type { SignedStatement } from '../identity/statement.ts';
import { createStatementSigner } from '../identity/statement-signer.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import { createPause, inSteps } from '../lib/pauses.ts';
import type { Coverage } from '../observe/coverage.ts';
import type { Handshakes } from '../observe/handshakes.ts';
import type { Traffic } from '../observe/traffic.ts';
import type { MeshIr } from '../policy/ir.ts';
import { makeMtlsReport } from './mtls-report.ts';

export interface Reports {
  /** `since`: epoch milliseconds. Throws `invalid_argument` if nothing is kept for so long, `unavailable` if nothing is in force. */
  mtls(since: number): Promise<SignedStatement>;
}

export interface ReportsDeps {
  readonly issuer: () => Pick<Issuer, 'issue'>;
  readonly inForce: () => { readonly mesh: MeshIr; readonly revision: number };
  readonly traffic: Pick<Traffic, 'counts' | 'lostUntil'>;
  readonly coverage: Pick<Coverage, 'of'>;
  readonly handshakes: Pick<Handshakes, 'failed'>;
  /** Reads what other replicas recorded up to now; resolves with those that do not tell. Absent: there are none. */
  readonly refresh?: (() => Promise<readonly string[]>) | undefined;
  /** Of the program. */
  readonly version: string;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
}

const dayMs = 86_400_000;
/** The record, and what is known of its gaps. */
const keptDays = 31;
const lifetimeMs = 600_000;

export function createReports(deps: ReportsDeps): Reports {
  const { issuer, inForce, traffic, coverage, handshakes, refresh = async () => [], version, clock } = deps;
  /** For several reports: whoever asks all the time fills no record of certificates. */
  const signer = createStatementSigner({ kind: 'report', issuer, clock, lifetimeMs });
  let last: Promise<unknown> = Promise.resolve();
  const mtls = async (since: number): Promise<SignedStatement> => {
    const silent = await refresh();
    const { mesh, revision } = inForce();
    const key = await signer.key(mesh.trustDomain);
    const steps = makeMtlsReport({
      ...{ mesh, revision, since, now: clock.now(), madeBy: `cellwall ${version}`, silent },
      ...{ counts: traffic.counts(since), coverage: coverage.of, lostUntil: traffic.lostUntil },
      handshakes: handshakes.failed(since),
    });
    const report = await inSteps(steps, createPause(clock));
    return key.sign(JSON.stringify(report));
  };
  return {
    async mtls(since) {
      if (since < clock.now() - keptDays * dayMs) {
        throw new CellwallError('invalid_argument', `calls are on record for ${keptDays} days`, {
          hint: `ask for "${keptDays}d" or less, and keep earlier reports`,
        });
      }
      const next = last.then(() => mtls(since));
      last = next.catch(() => undefined);
      return next;
    },
  };
}
