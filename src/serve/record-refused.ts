// Evidence of what somebody wrote into a shared store, bypassing the control plane: it is not in force, and the audit log says what it
// was; and of what such a store lost and was given back.
import type { AuditEvent } from '../audit/audit-event.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Problem } from '../model/problem.ts';
import type { Store } from '../store/store.ts';

export interface RecordRefusedDeps {
  readonly store: Pick<Store, 'problems' | 'watch'>;
  readonly audit: { append(event: AuditEvent): Promise<unknown> };
  readonly clock: Clock;
  readonly log: Log;
}

/** What the Redis store reports about states that it does not accept. */
const codes: ReadonlySet<string> = new Set([
  'changed-outside',
  'store-emptied',
  'store-replaced',
  'store-repeated',
  'store-unreadable',
  'store-went-back',
]);
/** Whoever can write there can do so all the time: at most one record of each kind in this time. */
const leastMs = 60_000;

/** Each code at most once in a while. A failure to record is logged. */
export function recordRefused({ store, audit, clock, log }: RecordRefusedDeps): void {
  const recorded = new Map<string, number>();
  const append = async (event: AuditEvent): Promise<void> => {
    try {
      await audit.append(event);
    } catch (reason) {
      log.error({ reason: CellwallError.from(reason).message }, 'not in the audit log');
    }
  };
  const record = async (problems: readonly Problem[]): Promise<void> => {
    const [first] = problems;
    if (first === undefined || !codes.has(first.code)) return;
    const last = recorded.get(first.code);
    if (last !== undefined && clock.monotonic() - last < leastMs) return;
    recorded.set(first.code, clock.monotonic());
    const keys = problems.slice(1).map(({ source }) => source.file);
    await append({ kind: 'store-refused', code: first.code, reason: first.message, keys });
  };
  void record(store.problems());
  store.watch((event) => {
    if (event.kind === 'problems') void record(event.problems);
    if (event.kind === 'restored') void append({ ...event, kind: 'store-restored' });
  });
}
