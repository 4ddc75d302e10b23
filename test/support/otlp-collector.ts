// A collector of OpenTelemetry traces on loopback, that may also hang, refuse, or answer what no collector would.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { eventually } from './eventually.ts';

const value = z.union([
  z.strictObject({ stringValue: z.string() }).transform((one) => one.stringValue),
  z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }).transform((one) => Number(one.intValue)),
  z.strictObject({ doubleValue: z.number() }).transform((one) => one.doubleValue),
  z.strictObject({ boolValue: z.boolean() }).transform((one) => one.boolValue),
  z
    .strictObject({ arrayValue: z.strictObject({ values: z.array(z.strictObject({ stringValue: z.string() })) }) })
    .transform((one) => one.arrayValue.values.map(({ stringValue }) => stringValue)),
]);
const attributes = z
  .array(z.strictObject({ key: z.string().min(1), value }))
  .transform((all) => Object.fromEntries(all.map((one) => [one.key, one.value])));
const nanos = z
  .string()
  .regex(/^\d{19}$/)
  .transform((text) => Number(BigInt(text)) / 1e6);
const traceId = z.string().regex(/^[0-9a-f]{32}$/);
const spanId = z.string().regex(/^[0-9a-f]{16}$/);
const span = z.strictObject({
  ...{ traceId, spanId, parentSpanId: spanId.optional() },
  name: z.string().min(1),
  kind: z.int().min(1).max(5),
  ...{ startTimeUnixNano: nanos, endTimeUnixNano: nanos, attributes },
  events: z.array(z.strictObject({ name: z.string(), timeUnixNano: nanos, attributes })),
  links: z.array(z.strictObject({ traceId, spanId })),
  status: z.strictObject({ code: z.int().min(0).max(2), message: z.string().optional() }),
});
/** Strictly what opentelemetry/proto/collector/trace/v1 has, of which we use a part. */
const body = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes }),
      scopeSpans: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.string(), version: z.string() }),
          spans: z.array(span),
        }),
      ),
    }),
  ),
});

export type ReceivedSpan = z.output<typeof span> & { readonly resource: z.output<typeof attributes> };

export interface OtlpCollector {
  readonly url: string;
  /** Whatever was taken, in the order of arrival. */
  readonly spans: readonly ReceivedSpan[];
  /** All bodies, taken or not. */
  readonly bodies: readonly string[];
  readonly headers: readonly IncomingHttpHeaders[];
  /** From now on; `take` is the default. */
  answer(how: (response: ServerResponse) => void): void;
  /** As soon as there is one of that name that fits. */
  span(name: string, fits?: (one: ReceivedSpan) => boolean, ms?: number): Promise<ReceivedSpan>;
  stop(): Promise<void>;
}

export function take(response: ServerResponse): void {
  response.setHeader('content-type', 'application/json');
  response.end('{"partialSuccess":{}}');
}

export async function startOtlpCollector(): Promise<OtlpCollector> {
  const spans: ReceivedSpan[] = [];
  const bodies: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  let how: (response: ServerResponse) => void = take;
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      bodies.push(text);
      headers.push(request.headers);
      const answer = how;
      answer(response);
      if (answer !== take) return;
      for (const { resource, scopeSpans } of body.parse(JSON.parse(text)).resourceSpans) {
        for (const one of scopeSpans.flatMap((scope) => scope.spans))
          spans.push({ ...one, resource: resource.attributes });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    ...{ spans, bodies, headers },
    answer(next) {
      how = next;
    },
    span: (name, fits = () => true, ms = 15_000) =>
      eventually(`a span ${name}`, () => spans.find((one) => one.name === name && fits(one)), ms),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
