// Ended spans on their way to a collector: gathered, sent in batches, one at a time. Nobody waits for it. What a collector does not take in
// time is dropped and counted: traces are of use while they are fresh, and their space is bounded.
import { RefusedCall } from '../lib/bounded-call.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { rejectedIn } from '../lib/otlp.ts';
import type { FinishedSpan } from './span.ts';

export interface SpanExporter {
  /** Returns at once. */
  add(span: FinishedSpan): void;
  figures(): ExporterFigures;
  /** What is there is still sent, for a moment. */
  close(): Promise<void>;
}

export const dropReasons = ['queue-full', 'refused', 'rejected', 'unavailable', 'closed'] as const;
export type DropReason = (typeof dropReasons)[number];

export interface ExporterFigures {
  readonly waiting: number;
  readonly exported: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Requests that failed, since the start. */
  readonly failures: number;
}

export interface SpanExporterDeps {
  /** Throws `CellwallError`; `RefusedCall` where somebody answered. Gives up soon after `signal` is aborted. */
  readonly send: (spans: readonly FinishedSpan[], signal: AbortSignal) => Promise<string>;
  readonly clock: Pick<Clock, 'after' | 'monotonic'>;
  readonly log: Log;
}

/** What ends within it goes together. */
const gatherMs = 1000;
const [mostWaiting, mostAtOnce] = [2048, 512];
const [firstPauseMs, longestPauseMs] = [1000, 30_000];
/** A batch is tried for so long. */
const mostMs = 120_000;
const closeMs = 2000;

export function createSpanExporter({ send, clock, log }: SpanExporterDeps): SpanExporter {
  const waiting: FinishedSpan[] = [];
  const dropped: Record<DropReason, number> = { 'queue-full': 0, refused: 0, rejected: 0, unavailable: 0, closed: 0 };
  const stopping = new AbortController();
  let [exported, failures, inRow] = [0, 0, 0];
  let closing = false;
  let running: Promise<void> | undefined;
  let wake: (() => void) | undefined;

  const rest = async (ms: number): Promise<void> => {
    if (closing) return;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(ms, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
    wake = undefined;
  };
  const drop = (reason: DropReason, count: number): void => {
    dropped[reason] += count;
  };
  const failed = (cause: unknown): void => {
    failures += 1;
    inRow += 1;
    const { message } = CellwallError.from(cause);
    if (inRow === 1) log.warn({ reason: message }, 'the collector of traces does not take spans: some will be dropped');
  };
  const taken = (spans: readonly FinishedSpan[], answer: string): void => {
    const refused = rejectedIn(answer, 'rejectedSpans');
    const lost = Math.min(spans.length, refused?.rejected ?? 0);
    if (refused !== undefined) log.warn({ ...refused }, 'the collector of traces rejected spans');
    drop('rejected', lost);
    exported += spans.length - lost;
    if (inRow > 0) log.info({}, 'the collector of traces takes spans again');
    inRow = 0;
  };
  /** Until it is taken, refused for good, or too old. */
  const deliver = async (spans: readonly FinishedSpan[]): Promise<void> => {
    const until = clock.monotonic() + mostMs;
    for (;;) {
      try {
        return taken(spans, await send(spans, stopping.signal));
      } catch (cause) {
        failed(cause);
        if (closing) return drop('closed', spans.length);
        const answered = cause instanceof RefusedCall ? cause : undefined;
        // OTLP, "Failures": 429, 502, 503 and 504 may be tried again, others must not.
        if (answered !== undefined && ![429, 502, 503, 504].includes(answered.status))
          return drop('refused', spans.length);
        const backoff =
          Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(inRow - 1, 10)) * (0.8 + Math.random() * 0.4);
        const pause = Math.max(answered?.retryAfterMs ?? 0, backoff);
        if (clock.monotonic() + pause > until) return drop('unavailable', spans.length);
        await rest(pause);
      }
    }
  };
  const run = async (): Promise<void> => {
    await rest(gatherMs);
    while (waiting.length > 0) {
      if (stopping.signal.aborted) return drop('closed', waiting.splice(0).length);
      await deliver(waiting.splice(0, mostAtOnce));
      if (waiting.length > 0 && waiting.length < mostAtOnce) await rest(gatherMs);
    }
  };
  const start = (): void => {
    running ??= run().finally(() => {
      running = undefined;
      if (waiting.length > 0) start();
    });
  };
  return {
    add(span) {
      if (closing) return drop('closed', 1);
      if (waiting.length >= mostWaiting) return drop('queue-full', 1);
      waiting.push(span);
      start();
    },
    figures: () => ({ waiting: waiting.length, exported, dropped: { ...dropped }, failures }),
    async close() {
      closing = true;
      wake?.();
      const cancel = clock.after(closeMs, () => stopping.abort());
      await running;
      cancel();
      stopping.abort();
    },
  };
}
