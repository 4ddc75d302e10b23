// Begins traces, and makes their spans. Whatever is not sampled costs an object without content.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { OtlpFields } from '../lib/otlp.ts';
import type { SpanContext } from '../lib/traceparent.ts';
import type { Sampler } from './sampler.ts';
import type { FinishedSpan, Span, SpanEvent, SpanKind } from './span.ts';

export interface Tracer {
  /** `parent`: another program's span, or one of another replica. `start`: monotonic milliseconds; default: now. */
  begin(name: string, begun?: Begun): Span;
}

export interface Begun {
  readonly parent?: SpanContext;
  readonly kind?: SpanKind;
  readonly start?: number;
}

export interface TracerDeps {
  readonly sampler: Sampler;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly ended: (span: FinishedSpan) => void;
}

/** Of one span: what takes up more space is left out. */
const [mostEvents, mostLinks] = [64, 32];

export function createTracer({ sampler, clock, ended }: TracerDeps): Tracer {
  interface Origin extends Begun {
    readonly epoch: number;
    readonly traceId: string;
  }
  const recorded = (
    name: string,
    { epoch, traceId, parent, kind = 'internal', start = clock.monotonic() }: Origin,
  ): Span => {
    const context = { traceId, spanId: newId(8), sampled: true };
    const events: SpanEvent[] = [];
    const links: SpanContext[] = [];
    let attributes: OtlpFields = {};
    let error: string | undefined;
    let isOver = false;
    return {
      ...{ context, recorded: true },
      child: (below, from) => recorded(below, { epoch, traceId, parent: context, ...defined({ start: from }) }),
      set(more) {
        attributes = { ...attributes, ...more };
      },
      event(what, fields, at = clock.monotonic()) {
        if (events.length < mostEvents) events.push({ name: what, at, attributes: fields });
      },
      link(to) {
        if (links.length < mostLinks) links.push(to);
      },
      fail(reason) {
        error ??= reason;
      },
      end(at = clock.monotonic()) {
        if (isOver) return;
        isOver = true;
        ended({
          ...{ context, name, kind, epoch, start, end: Math.max(start, at), attributes, events, links },
          ...defined({ parent: parent?.spanId, error }),
        });
      },
    };
  };
  return {
    begin(name, begun = {}) {
      const { parent } = begun;
      const traceId = parent?.traceId ?? newId(16);
      if (!sampler(traceId, parent)) {
        return silent({ traceId, spanId: parent?.spanId ?? newId(8), sampled: false });
      }
      return recorded(name, { ...begun, traceId, epoch: clock.now() - clock.monotonic() });
    },
  };
}

/** Others are told that it is not recorded. */
function silent(context: SpanContext): Span {
  const nothing = (): void => {};
  const span: Span = {
    ...{ context, recorded: false, set: nothing, event: nothing, link: nothing, fail: nothing, end: nothing },
    child: () => span,
  };
  return span;
}

/** Never only zeros. */
function newId(bytes: number): string {
  const id = randomBytes(bytes).toString('hex');
  return /^0+$/.test(id) ? newId(bytes) : id;
}
