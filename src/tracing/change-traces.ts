// Follows each change of the documents from the request, or the edit, to the answers of proxies: one trace. Other replicas go on with it
// where the store tells them its id. Times are monotonic milliseconds.
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { OtlpFields } from '../lib/otlp.ts';
import { parseTraceparent, traceparentOf } from '../lib/traceparent.ts';
import { createPushTrace, type PushedResponse, type PushTrace, type RejectedPart } from './push-trace.ts';
import type { Span } from './span.ts';
import type { Tracer } from './tracer.ts';

export interface ChangeTraces {
  /** Somebody asks for a change. `traceparent`: of whoever asks. `agoMs`: when that was there, and began to be parsed. */
  request(traceparent: string | undefined, fields: OtlpFields, agoMs?: number): RequestTrace;
  /** `work` resolves a state of the documents. */
  resolving<T extends { readonly mesh?: object }>(work: () => T): T;
  /** It is in force from now on, and about to be pushed. */
  accepted(change: AcceptedChange): void;
  /** What is in force is made into snapshots from now on. */
  pushing(revision: number): void;
  /** `work` encodes a resource. */
  encoding<T>(work: () => T): T;
  /** All snapshots are made. */
  made(revision: number): void;
  sent(response: RevisedResponse): void;
  acked(response: RevisedResponse): void;
  nacked(response: RevisedResponse, rejected: readonly RejectedPart[]): void;
  disconnected(stream: number): void;
  /** Ends what is under way. */
  close(): void;
}

export interface RevisedResponse extends PushedResponse {
  readonly revision: number;
}

export interface AcceptedChange {
  readonly revision: number;
  readonly mesh?: object;
  /** The `traceparent` that the store passed on. */
  readonly trace?: string;
  /** Whoever else than this process wrote it. */
  readonly by?: 'files' | 'replica' | 'edit';
  /** How long ago. */
  readonly lagMs?: number;
}

export interface RequestTrace {
  /** Absent: it is not recorded. */
  readonly traceId?: string;
  /** For the store. */
  readonly traceparent: string;
  /** The span of a step. Steps that resolve documents are synchronous. */
  step<T>(name: string, work: () => T): T;
  /** `error`: why it failed, as a code. */
  end(fields: OtlpFields, error?: string): void;
}

export interface ChangeTracesDeps {
  readonly tracer: Tracer;
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
}

interface Waiting {
  readonly span: Span;
  readonly revision: number;
  readonly acceptedAt: number;
}

interface InFlight {
  readonly push: PushTrace;
  /** The change itself last, before it those that are pushed together with it. */
  readonly changes: readonly Waiting[];
  readonly until: number;
}

/** At once; more are not followed further. */
const [mostWaiting, mostInFlight] = [32, 8];
const lookMs = 250;
/** Whoever has not answered by then is counted as unanswered. */
const mostMs = 30_000;

export function createChangeTraces({ tracer, clock }: ChangeTracesDeps): ChangeTraces {
  const resolves = new WeakMap<object, Interval>();
  let lastResolve: { readonly interval: Interval; readonly mesh: WeakRef<object> | undefined } | undefined;
  let waiting: readonly Waiting[] = [];
  const inFlight = new Map<number, InFlight>();
  let making: PushTrace | undefined;
  let lastStream = 0;
  let looking = false;

  const finish = (revision: number, { push, changes }: InFlight): void => {
    inFlight.delete(revision);
    if (making === push) making = undefined;
    const end = push.close();
    for (const { span } of changes) span.end(end);
  };
  const look = (): void => {
    looking = inFlight.size > 0;
    if (!looking) return;
    clock.after(lookMs, () => {
      for (const [revision, one] of inFlight) {
        if (one.push.isOver() || clock.monotonic() >= one.until) finish(revision, one);
      }
      look();
    });
  };
  return {
    request(traceparent, fields, agoMs) {
      const parent = parseTraceparent(traceparent);
      const start = clock.monotonic() - Math.max(0, agoMs ?? 0);
      const span = tracer.begin('apply', { kind: 'server', start, ...defined({ parent }) });
      span.set(fields);
      if (agoMs !== undefined) span.child('parse', start).end();
      return requestTrace(span, clock, (from) => {
        if (lastResolve === undefined || lastResolve.interval.from < from) return undefined;
        const { mesh, interval } = lastResolve;
        const found = mesh?.deref();
        // It is told there, and not again where the state comes into force.
        if (found !== undefined) resolves.delete(found);
        lastResolve = undefined;
        return interval;
      });
    },
    resolving(work) {
      const from = clock.monotonic();
      const found = work();
      const interval = { from, to: clock.monotonic() };
      if (found.mesh !== undefined) resolves.set(found.mesh, interval);
      lastResolve = { interval, mesh: found.mesh && new WeakRef(found.mesh) };
      return found;
    },
    accepted({ revision, mesh, trace, by, lagMs }) {
      const acceptedAt = clock.monotonic();
      const parent = parseTraceparent(trace);
      const interval = mesh === undefined ? undefined : resolves.get(mesh);
      const start = Math.min(acceptedAt - (lagMs ?? 0), interval?.from ?? acceptedAt);
      const kind = by === 'replica' ? 'consumer' : 'internal';
      const span = tracer.begin('change', { kind, start, ...defined({ parent }) });
      if (!span.recorded) return;
      span.set({
        'cellwall.revision': revision,
        'cellwall.written_by': by ?? 'apply',
        ...defined({ 'cellwall.store_lag_ms': lagMs }),
      });
      if (lagMs !== undefined) span.child('arrive', start).end(interval?.from ?? acceptedAt);
      if (interval !== undefined) span.child('resolve', interval.from).end(interval.to);
      if (mesh !== undefined) resolves.delete(mesh);
      if (waiting.length >= mostWaiting) return span.end();
      waiting = [...waiting, { span, revision, acceptedAt }];
    },
    pushing(revision) {
      const [changes, change] = [waiting, waiting.at(-1)];
      if (change === undefined) return;
      waiting = [];
      for (const [earlier, one] of inFlight) {
        one.push.made(revision);
        // The same revision once more: a store that was started with an earlier state.
        if (inFlight.size >= mostInFlight || earlier === revision) finish(earlier, one);
      }
      for (const one of changes) {
        if (one === change) continue;
        one.span.link(change.span.context);
        one.span.set({ 'cellwall.pushed_with': revision });
      }
      const [span, acceptedAt] = [change.span, change.acceptedAt];
      making = createPushTrace({ span, acceptedAt, lastStream, clock });
      inFlight.set(revision, { push: making, changes, until: clock.monotonic() + mostMs });
      if (!looking) look();
    },
    encoding(work) {
      if (making === undefined) return work();
      const from = clock.monotonic();
      const made = work();
      making.encoded(from, clock.monotonic());
      return made;
    },
    made(revision) {
      const one = inFlight.get(revision)?.push;
      one?.made();
      if (making === one) making = undefined;
    },
    sent(response) {
      const { stream, revision } = response;
      inFlight.get(revision)?.push.sent(response);
      lastStream = Math.max(lastStream, stream);
    },
    acked: (response) => inFlight.get(response.revision)?.push.acked(response),
    nacked: (response, rejected) => inFlight.get(response.revision)?.push.nacked(response, rejected),
    disconnected(stream) {
      for (const { push } of inFlight.values()) push.disconnected(stream);
    },
    close() {
      for (const [revision, one] of inFlight) finish(revision, one);
      for (const { span } of waiting) span.end();
      waiting = [];
    },
  };
}

interface Interval {
  readonly from: number;
  readonly to: number;
}

/** `resolvedSince`: what was resolved since then, once. */
function requestTrace(
  span: Span,
  clock: Pick<Clock, 'monotonic'>,
  resolvedSince: (from: number) => Interval | undefined,
): RequestTrace {
  return {
    ...defined({ traceId: span.recorded ? span.context.traceId : undefined }),
    traceparent: traceparentOf(span.context),
    step(name, work) {
      if (!span.recorded) return work();
      const from = clock.monotonic();
      const step = span.child(name, from);
      const over = (): void => step.end();
      try {
        const result = work();
        if (result instanceof Promise) void result.then(over, over);
        else {
          const resolve = resolvedSince(from);
          if (resolve !== undefined) step.child('resolve', resolve.from).end(resolve.to);
          over();
        }
        return result;
      } catch (reason) {
        over();
        throw reason;
      }
    },
    end(fields, error) {
      span.set(fields);
      if (error !== undefined) span.fail(error);
      span.end();
    },
  };
}
