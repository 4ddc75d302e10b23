// Evidence of what became of the tokens of CI jobs: a record in the audit log for each that was exchanged, before its job has the SVID, and
// for each that was refused, with the reason. Whoever sends tokens without end is counted.
import type { AuditEvent } from '../audit/audit-event.ts';
import type { Exchanges } from '../identity-api/exchanges.ts';
import { clip } from '../lib/clip.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Evidence } from '../model/evidence.ts';
import { createCountedBeyond } from './counted-beyond.ts';

export interface RecordExchangesDeps {
  readonly audit: { append(event: AuditEvent): Promise<unknown> };
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Pick<Lifecycle, 'defer'>;
}

/** Who ran what, where: not all that a token says. */
const told = new Set([
  ...['instance', 'project_id', 'project_path', 'ref_type', 'ref', 'ref_protected', 'environment', 'sha'],
  ...['pipeline_id', 'pipeline_source', 'job_id', 'user_id', 'user_login', 'runner_id'],
  ...['runner', 'runner_host'],
]);
const [longest, longestReason, mostWhy] = [200, 500, 3];

export function recordExchanges({ audit, clock, log, lifecycle }: RecordExchangesDeps): Exchanges {
  const append = (event: AuditEvent): Promise<void> =>
    audit.append(event).then(
      () => {},
      (reason: unknown) =>
        log.error(
          { kind: event.kind, reason: CellwallError.from(reason).message },
          'what became of a job is not in the audit log',
        ),
    );
  const refusals = createCountedBeyond({
    ...{ clock, lifecycle, name: 'refused tokens of jobs' },
    summarize: (count, reasons) => append({ kind: 'jobs-refused', count, reasons }),
  });
  return {
    async exchanged({ attestor, spiffeId, svid, nodeKey, address, values }) {
      const { serial, notAfter } = svid;
      const about = { attestor, spiffeId, serial, notAfter: notAfter.toISOString(), nodeKey, address };
      try {
        await audit.append({ kind: 'job-exchanged', ...about, proved: few(values) });
      } catch (cause) {
        log.error({ reason: CellwallError.from(cause).message }, 'no SVID for a job: it cannot be put on record');
        throw new CellwallError('unavailable', 'the exchange cannot be put on record now', { cause });
      }
    },
    ended({ attestor, spiffeId, nodeKey, address, values }) {
      void append({ kind: 'job-ended', attestor, spiffeId, nodeKey, address, proved: few(values) });
    },
    refused({ attestor = '', address, failed, why, nodeKey, values }) {
      const reason = clip(failed.message, longestReason);
      if (!refusals.take(reason)) return;
      void append({
        ...{ kind: 'job-refused', attestor, code: failed.code, reason, address },
        why: why.slice(0, mostWhy).map((one) => clip(one, longestReason)),
        ...defined({ nodeKey, proved: values && few(values) }),
      });
    },
  };
}

function few(values: Evidence['values']): Readonly<Record<string, string>> {
  const chosen = Object.entries(values).filter(([name]) => told.has(name));
  return Object.fromEntries(chosen.map(([name, value]) => [name, clip(value, longest)]));
}
