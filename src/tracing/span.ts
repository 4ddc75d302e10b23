// A span: one step of something that is followed, with its time. Begun, told things, and ended once; then it is exported.
import type { OtlpFields } from '../lib/otlp.ts';
import type { SpanContext } from '../lib/traceparent.ts';

export type SpanKind = 'internal' | 'server' | 'consumer';

/** As it is exported. Times are monotonic milliseconds; `epoch` is what to add to them. */
export interface FinishedSpan {
  readonly context: SpanContext;
  readonly parent?: string;
  readonly name: string;
  readonly kind: SpanKind;
  readonly epoch: number;
  readonly start: number;
  readonly end: number;
  readonly attributes: OtlpFields;
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanContext[];
  /** Why it failed, in a few words of ours. */
  readonly error?: string;
}

export interface SpanEvent {
  readonly name: string;
  readonly at: number;
  readonly attributes: OtlpFields;
}

export interface Span {
  readonly context: SpanContext;
  /** False: nothing of it is kept, and nothing of what comes below it. */
  readonly recorded: boolean;
  /** `start`: monotonic milliseconds; default: now. */
  child(name: string, start?: number): Span;
  set(attributes: OtlpFields): void;
  event(name: string, attributes: OtlpFields, at?: number): void;
  link(context: SpanContext): void;
  fail(reason: string): void;
  /** What comes later is ignored. */
  end(at?: number): void;
}
