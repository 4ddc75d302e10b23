// What becomes of one change: made, sent and answered. However many proxies there are, it is one span for each of these, with counts; those
// that are named are few: the slowest, some that did not answer, and rejections up to a limit.
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { createAckTimes } from './ack-times.ts';
import type { Span } from './span.ts';

/** A response of configuration, or the answer to it. */
export interface PushedResponse {
  readonly node: string;
  readonly stream: number;
  readonly typeUrl: string;
}

export interface RejectedPart {
  readonly name: string;
  /** Where the documents are that made it: `file:line`. */
  readonly madeBy: readonly string[];
}

export interface PushTrace {
  /** A resource was encoded in this time. */
  encoded(from: number, to: number): void;
  /** Every snapshot is made, or what is left of them is made of a later change. */
  made(bySuperseding?: number): void;
  sent(response: PushedResponse): void;
  acked(response: PushedResponse): void;
  nacked(response: PushedResponse, rejected: readonly RejectedPart[]): void;
  disconnected(stream: number): void;
  /** Everything was answered, and nothing came for a moment. */
  isOver(): boolean;
  /** Ends its spans. Returns when the last answer came. */
  close(): number;
}

export interface PushTraceOptions {
  /** Of the change. */
  readonly span: Span;
  /** When it was accepted; monotonic, as are all times here. */
  readonly acceptedAt: number;
  /** Streams above it began later: what they are sent is not because of this change. */
  readonly lastStream: number;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** Named in a trace. */
const [mostSlow, mostRejections, mostUnanswered] = [5, 20, 5];
/** Of which it is known who has not answered; others are only counted. */
const mostOpen = 10_000;
const mostParts = 10;
/** What follows from an answer is sent at once. */
const quietMs = 500;

export function createPushTrace({ span, acceptedAt, lastStream, clock }: PushTraceOptions): PushTrace {
  const translate = span.child('translate');
  const times = createAckTimes();
  /** By stream and type. */
  const open = new Map<number, Map<string, PushedResponse>>();
  let openCount = 0;
  let slowest: readonly { readonly response: PushedResponse; readonly ms: number; readonly at: number }[] = [];
  const rejections: {
    readonly response: PushedResponse;
    readonly parts: readonly RejectedPart[];
    readonly at: number;
  }[] = [];
  let [sent, acked, nacked, gone] = [0, 0, 0, 0];
  let encoding: { readonly from: number; to: number; busyMs: number; resources: number } | undefined;
  let [firstSentAt, madeAt, lastAt]: (number | undefined)[] = [];

  const opened = (response: PushedResponse): void => {
    const { stream, typeUrl } = response;
    const types = open.get(stream) ?? new Map<string, PushedResponse>();
    if (types.size === 0 && openCount >= mostOpen) return;
    openCount += types.has(typeUrl) ? 0 : 1;
    open.set(stream, types.set(typeUrl, response));
  };
  const closed = ({ stream, typeUrl }: PushedResponse): void => {
    const types = open.get(stream);
    if (types?.delete(typeUrl) === true) openCount -= 1;
    if (types?.size === 0) open.delete(stream);
  };
  const answered = (response: PushedResponse): number | undefined => {
    if (response.stream > lastStream) return undefined;
    closed(response);
    const now = clock.monotonic();
    lastAt = now;
    return now;
  };
  const short = ({ node, typeUrl }: PushedResponse) => ({
    'cellwall.proxy': node,
    'cellwall.type': typeUrl.slice(typeUrl.lastIndexOf('.') + 1),
  });
  return {
    encoded(from, to) {
      encoding ??= { from, to, busyMs: 0, resources: 0 };
      encoding.to = to;
      encoding.busyMs += to - from;
      encoding.resources += 1;
    },
    made(superseding) {
      if (madeAt !== undefined) return;
      madeAt = clock.monotonic();
      if (superseding !== undefined) span.set({ 'cellwall.superseded_by': superseding });
    },
    sent(response) {
      if (response.stream > lastStream) return;
      sent += 1;
      const now = clock.monotonic();
      firstSentAt ??= now;
      lastAt = now;
      opened(response);
    },
    acked(response) {
      const at = answered(response);
      if (at === undefined) return;
      acked += 1;
      const ms = at - acceptedAt;
      times.add(ms);
      const least = slowest.at(-1);
      if (slowest.length < mostSlow || least === undefined || ms > least.ms) {
        slowest = [...slowest, { response, ms, at }].toSorted((a, b) => b.ms - a.ms).slice(0, mostSlow);
      }
    },
    nacked(response, parts) {
      const at = answered(response);
      if (at === undefined) return;
      nacked += 1;
      if (rejections.length < mostRejections) rejections.push({ response, parts, at });
    },
    disconnected(stream) {
      const lost = open.get(stream)?.size ?? 0;
      open.delete(stream);
      openCount -= lost;
      gone += lost;
    },
    isOver() {
      if (madeAt === undefined || sent > acked + nacked + gone) return false;
      return clock.monotonic() - Math.max(madeAt, lastAt ?? 0) >= quietMs;
    },
    close() {
      const ready = madeAt ?? clock.monotonic();
      if (encoding !== undefined) {
        const { from, to, busyMs, resources } = encoding;
        const encode = translate.child('encode', from);
        encode.set({ 'cellwall.resources': resources, 'cellwall.busy_ms': busyMs });
        encode.end(to);
      }
      translate.end(ready);
      const end = Math.max(ready, lastAt ?? ready);
      const push = span.child('push', firstSentAt ?? ready);
      const unanswered = Math.max(0, sent - acked - nacked - gone);
      const { firstMs, lastMs, p99Ms } = times.summary() ?? {};
      push.set({
        ...{ 'cellwall.responses': sent, 'cellwall.acked': acked, 'cellwall.nacked': nacked },
        ...{ 'cellwall.unanswered': unanswered, 'cellwall.disconnected': gone },
        ...defined({ 'cellwall.first_ack_ms': firstMs, 'cellwall.last_ack_ms': lastMs, 'cellwall.p99_ack_ms': p99Ms }),
      });
      for (const { response, ms, at } of slowest)
        push.event('slow ACK', { ...short(response), 'cellwall.ack_ms': ms }, at);
      for (const { response, parts, at } of rejections) {
        const named = parts.slice(0, mostParts);
        const documents = [...new Set(named.flatMap(({ madeBy }) => madeBy))];
        push.event(
          'NACK',
          { ...short(response), 'cellwall.resources': named.map(({ name }) => name), 'cellwall.made_by': documents },
          at,
        );
      }
      const silent = [...open.values()].slice(0, mostUnanswered).flatMap((types) => [...types.values()]);
      for (const response of silent.slice(0, mostUnanswered)) push.event('unanswered', short(response), end);
      const faults = [nacked > 0 ? `${nacked} rejected` : '', unanswered > 0 ? `${unanswered} not answered` : ''];
      const error = faults.filter((one) => one !== '').join(', ');
      if (error !== '') push.fail(error);
      if (error !== '') span.fail(error);
      push.end(end);
      return end;
    },
  };
}
