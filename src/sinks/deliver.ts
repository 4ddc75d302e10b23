// Brings the records of the audit log to a sink: from the log's files, in order, each at least once, whatever ends meanwhile. Nobody waits
// for it; a sink that is away gets everything when it is back.
import type { AuditLog } from '../audit/audit-log.ts';
import { readHead } from '../audit/checkpoint-text.ts';
import { type FollowedRecord, type LogPlace, recordsAfter } from '../audit/follow-files.ts';
import { RefusedCall } from '../lib/bounded-call.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Table } from '../lib/table.ts';
import type { AuditSink } from './sink.ts';

export interface SinkStatus {
  readonly name: string;
  /** Records that it does not have yet. */
  readonly waiting: number;
  /** Attempts that failed, since the start. */
  readonly failures: number;
  /** Why the last attempt failed. Absent: it did not. */
  readonly why?: string;
}

export interface Delivery {
  status(): SinkStatus;
  /** What is there is still sent, for a moment. */
  close(): Promise<void>;
}

export interface DeliverDeps {
  readonly name: string;
  readonly sink: AuditSink;
  /** Of the log. */
  readonly file: string;
  readonly audit: Pick<AuditLog, 'head' | 'watch'>;
  /** Where the sink's place in the log is kept, under `key`. */
  readonly places: Pick<Table, 'get' | 'set'>;
  readonly key: string;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Log;
}

/** What comes within it goes together; it goes on at once while there is more. */
const gatherMs = 200;
const [mostRecords, mostBytes] = [500, 512 * 1024];
const [firstPauseMs, longestPauseMs] = [1000, 60_000];
const closeMs = 3000;

export function deliver({ name, sink, file, audit, places, key, clock, log }: DeliverDeps): Delivery {
  const stopping = new AbortController();
  let closing = false;
  let place: LogPlace | undefined;
  let inRow = 0;
  let failures = 0;
  let why: string | undefined;
  /** Records that are sent together: fewer after each failure, as a receiver may take no more at once, or not in time. */
  let [atOnce, mostAtOnce] = [mostRecords, mostRecords];
  /** How many were sent last, and how many were taken last, since there was nothing. */
  let [tried, taken] = [0, 0];
  let rung = false;
  let wake: (() => void) | undefined;

  const ring = (): void => {
    rung = true;
    wake?.();
  };
  /** Until it rings, or the time is over. */
  const rest = async (ms?: number): Promise<void> => {
    if (closing) return;
    await new Promise<void>((resolve) => {
      const cancel = ms === undefined ? undefined : clock.after(ms, resolve);
      wake = () => {
        if (ms !== undefined && !closing) return;
        cancel?.();
        resolve();
      };
      if (ms === undefined && rung) resolve();
    });
    wake = undefined;
  };
  const failed = (cause: unknown): void => {
    why = CellwallError.from(cause).message;
    failures += 1;
    inRow += 1;
    // The first attempt after a start may come before its connection.
    if (inRow === 2) log.warn({ sink: name, reason: why }, 'a sink of the audit log does not take records: they wait');
  };
  /** Whether the same may be tried at once, with fewer records. */
  const fewer = (cause: unknown): boolean => {
    const [isTooLarge, many] = [cause instanceof RefusedCall && cause.status === 413, tried > 1];
    // More than it had just taken: that was it.
    const isTooMany = inRow === 0 && taken > 0 && tried > taken;
    atOnce = isTooMany ? taken : Math.max(1, Math.floor(tried / 2));
    if (isTooLarge || isTooMany) mostAtOnce = atOnce;
    return isTooLarge && many;
  };
  const pause = (): Promise<void> => rest(Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(inRow - 1, 10)));
  const lost = (): void =>
    log.warn({ sink: name }, 'what a sink of the audit log had last is not in the log: it gets everything again');
  const next = async (): Promise<readonly FollowedRecord[]> => {
    const batch: FollowedRecord[] = [];
    let bytes = 0;
    for await (const one of recordsAfter(file, place, lost)) {
      batch.push(one);
      bytes += one.line.length;
      if (batch.length >= atOnce || bytes >= mostBytes) break;
    }
    return batch;
  };
  const step = async (): Promise<'sent' | 'nothing'> => {
    rung = false;
    const batch = await next();
    const last = batch.at(-1)?.place;
    tried = batch.length;
    if (last === undefined) {
      [atOnce, mostAtOnce, taken] = [mostRecords, mostRecords, 0];
      return 'nothing';
    }
    await sink.send(batch, stopping.signal);
    place = last;
    if (inRow > 1) log.info({ sink: name }, 'a sink of the audit log takes records again');
    inRow = 0;
    why = undefined;
    taken = tried;
    atOnce = Math.min(mostAtOnce, atOnce * 2);
    await places.set(key, { number: last.number, hash: last.hash }).catch((reason: unknown) => {
      log.debug({ sink: name, reason: String(reason) }, 'the place of a sink in the audit log is not remembered');
    });
    return 'sent';
  };
  const run = async (): Promise<void> => {
    for (let isKnown = false; !isKnown; ) {
      try {
        place = readHead(await places.get(key));
        isKnown = true;
      } catch (cause) {
        failed(cause);
        if (closing) return;
        await pause();
      }
    }
    while (!stopping.signal.aborted) {
      try {
        if ((await step()) === 'sent') continue;
        if (closing) return;
        await rest();
        await rest(gatherMs);
      } catch (cause) {
        if (fewer(cause)) continue;
        failed(cause);
        if (closing) return;
        await pause();
      }
    }
  };
  const unwatch = audit.watch(ring);
  const running = run();
  return {
    status: () => ({
      ...{ name, failures, waiting: Math.max(0, audit.head().number - (place?.number ?? 0)) },
      ...defined({ why }),
    }),
    async close() {
      closing = true;
      unwatch();
      ring();
      const cancel = clock.after(closeMs, () => stopping.abort());
      const aborted = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));
      await Promise.race([running, aborted]);
      cancel();
      stopping.abort();
      sink.close?.();
    },
  };
}
