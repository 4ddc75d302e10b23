// Evidence of what somebody wrote into a shared store, bypassing the control plane: the audit log says what it was, whether it came into
// force, waits or is refused; and of what such a store lost and was given back.
import type { AuditEvent } from '../audit/audit-event.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Problem } from '../model/problem.ts';
import type { Store, StoreEvent } from '../store/store.ts';
import { directAuthor, type WaitingChange } from '../store/waiting-change.ts';

export interface RecordRefusedDeps {
  readonly store: Pick<Store, 'problems' | 'watch' | 'direct' | 'history'>;
  readonly audit: { append(event: AuditEvent): Promise<unknown> };
  readonly clock: Clock;
  readonly log: Log;
}

/** What the Redis store reports about states that it does not accept. */
const codes: ReadonlySet<string> = new Set([
  'store-forged',
  'store-emptied',
  'store-replaced',
  'store-repeated',
  'store-unreadable',
  'store-went-back',
]);
/** Whoever can write there can do so all the time: at most one record of each kind in this time. */
const leastMs = 60_000;
/** Documents in that time. */
const mostAtOnce = 50;
const maxRemembered = 10_000;
const maxReasons = 20;

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
  const told = new Set<string>();
  let left = { count: mostAtOnce, from: clock.monotonic() };
  /** As many as somebody can read; whoever writes there can write anything, all the time. */
  const isTold = (name: string): boolean => {
    if (told.has(name)) return false;
    if (clock.monotonic() - left.from >= leastMs) left = { count: mostAtOnce, from: clock.monotonic() };
    if (left.count === 0) return false;
    left = { ...left, count: left.count - 1 };
    if (told.size >= maxRemembered) told.clear();
    told.add(name);
    return true;
  };
  const recordDirect = async (waiting: readonly WaitingChange[], refused: readonly Problem[]): Promise<void> => {
    for (const { rev, author, changes, reasons } of waiting.filter(({ rev }) => isTold(rev))) {
      const keys = changes.map(({ key }) => key);
      log.warn({ rev, keys, author, reasons }, 'a document that was edited in the store waits: cellwall waiting');
      await append({ kind: 'change-waits', author, rev, keys, reasons: reasons.slice(0, maxReasons) });
    }
    for (const { source, message, code } of refused) {
      const { file, line, column } = source;
      if (!isTold(`${file}:${line}:${column} ${code} ${message}`)) continue;
      log.warn({ key: file, line, code, message }, 'a document that was edited in the store is refused');
      await append({ kind: 'store-refused', code, reason: `${file}:${line}:${column}: ${message}`, keys: [file] });
    }
  };
  const applied = async (event: Extract<StoreEvent, { kind: 'state' }>): Promise<void> => {
    const { revision } = event.state;
    const found = (await store.history()).find((one) => one.revision === revision);
    const changed = found?.changes.map(({ key }) => key) ?? [];
    await append({ kind: 'documents-applied', author: directAuthor, revision, changed, urgent: false });
  };
  void record(store.problems());
  void recordDirect(store.direct?.waiting() ?? [], []);
  store.watch((event) => {
    if (event.kind === 'problems') void record(event.problems);
    if (event.kind === 'restored') void append({ ...event, kind: 'store-restored' });
    if (event.kind === 'direct') void recordDirect(event.waiting, event.problems);
    if (event.kind === 'state' && event.direct === true) void applied(event);
    if (event.kind === 'superseded') void append({ ...event, kind: 'direct-edit-superseded' });
    if (event.kind === 'sealed') void append({ ...event, kind: 'store-sealed' });
  });
}
