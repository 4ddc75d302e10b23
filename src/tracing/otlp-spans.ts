// Spans as OTLP's JSON has them: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding and trace.proto.
import { attributesOf, type OtlpFields } from '../lib/otlp.ts';
import type { FinishedSpan, SpanKind } from './span.ts';

const kinds: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, consumer: 5 };

/** One request's body. */
export function otlpSpans(spans: readonly FinishedSpan[], resource: OtlpFields, version: string): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [{ scope: { name: 'cellwall', version }, spans: spans.map(toSpan) }],
      },
    ],
  });
}

function toSpan(span: FinishedSpan): object {
  const { context, parent, name, kind, epoch, start, end, attributes, events, links, error } = span;
  const nanos = (ms: number): string => String(BigInt(Math.round((epoch + ms) * 1000)) * 1000n);
  return {
    ...{ traceId: context.traceId, spanId: context.spanId, ...(parent !== undefined && { parentSpanId: parent }) },
    ...{ name, kind: kinds[kind], startTimeUnixNano: nanos(start), endTimeUnixNano: nanos(end) },
    attributes: attributesOf(attributes),
    events: events.map((one) => ({
      ...{ name: one.name, timeUnixNano: nanos(one.at), attributes: attributesOf(one.attributes) },
    })),
    links: links.map(({ traceId, spanId }) => ({ traceId, spanId })),
    // 2: an error; 0: nobody has judged it, as OpenTelemetry wants it of whoever only reports.
    status: error === undefined ? { code: 0 } : { code: 2, message: error },
  };
}
