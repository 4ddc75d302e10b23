// Makes reports of what was recorded, one after the other, signed by a key of this process, which the CA certifies for nothing but reports
// and for ten minutes: the certificate is on record like any other, and bounds when a report can have been made.
import type { Issuer } from '../identity/issuer.ts';
import type { Svid } from '../identity/svid.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import { createPause, inSteps } from '../lib/pauses.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import type { Coverage } from '../observe/coverage.ts';
import type { Handshakes } from '../observe/handshakes.ts';
import type { Traffic } from '../observe/traffic.ts';
import type { MeshIr } from '../policy/ir.ts';
import { makeMtlsReport } from './mtls-report.ts';
import { reportSpiffeId, type SignedReport, signReport } from './signed-report.ts';

export interface Reports {
  /** `since`: epoch milliseconds. Throws `invalid_argument` if nothing is kept for so long, `unavailable` if nothing is in force. */
  mtls(since: number): Promise<SignedReport>;
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
/** A certificate for several reports: whoever asks all the time fills no record of certificates. */
const usedMs = lifetimeMs / 2;

export function createReports(deps: ReportsDeps): Reports {
  const { issuer, inForce, traffic, coverage, handshakes, refresh = async () => [], version, clock } = deps;
  let signing: { readonly svid: Svid; readonly issuedAt: number } | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const signer = async (domain: TrustDomain): Promise<Svid> => {
    const now = clock.now();
    if (signing !== undefined && now >= signing.issuedAt && now < signing.issuedAt + usedMs) return signing.svid;
    const svid = await issuer().issue(reportSpiffeId(domain), {
      internal: { lifetimeMs, dnsNames: [] },
      request: { how: 'own' },
    });
    signing = { svid, issuedAt: now };
    return svid;
  };
  const mtls = async (since: number): Promise<SignedReport> => {
    const silent = await refresh();
    const { mesh, revision } = inForce();
    const svid = await signer(mesh.trustDomain);
    const steps = makeMtlsReport({
      ...{ mesh, revision, since, now: clock.now(), madeBy: `cellwall ${version}`, silent },
      ...{ counts: traffic.counts(since), coverage: coverage.of, lostUntil: traffic.lostUntil },
      handshakes: handshakes.failed(since),
    });
    const report = await inSteps(steps, createPause(clock));
    return signReport(report, svid);
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
