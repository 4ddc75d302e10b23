// The header that joins the spans of several programs to one trace. W3C Trace Context:
// https://www.w3.org/TR/trace-context/#traceparent-header

export interface SpanContext {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string;
  /** 16. */
  readonly spanId: string;
  /** Whether whoever began it records it. */
  readonly sampled: boolean;
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const longest = 512;

/** Undefined for what is not valid: whoever gets that begins a trace of its own (§3.2.4, §4.3). */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  if (text === undefined || text.length > longest) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', more] = form.exec(text) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function traceparentOf({ traceId, spanId, sampled }: SpanContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}
