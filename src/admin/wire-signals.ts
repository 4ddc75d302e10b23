// What the admin API answers about how calls went: the golden signals of every edge.
import { z } from 'zod';
import { gapSchema, handshakeSchema, portNameSchema } from './wire-record.ts';

export const signalsQuerySchema = z.strictObject({
  service: z.string().min(1).max(256).optional().describe('The service that is called: `cell/name` or `name`.'),
  caller: z.string().min(1).max(2048).optional().describe('Who calls: a service, or a SPIFFE ID.'),
  since: z.string().max(16).default('1h').describe('How far to look back, as in "15m", "24h", "30d".'),
  series: z
    .enum(['true', 'false'])
    .default('false')
    .describe(
      'Also each period by itself: minutes up to an hour back, hours up to two days, days up to 35, then months.',
    ),
});

const countsSchema = z.record(z.string(), z.int());

const latencySchema = z
  .object({ p50: z.number(), p90: z.number(), p95: z.number(), p99: z.number(), max: z.number() })
  .describe(
    'Milliseconds, each within `relativeError` of the true value. Of requests; of connections, how long they were open.',
  );

const edgeSignalsSchema = z.object({
  calls: z.int().describe('Requests; on TCP, connections that ended.'),
  denied: z.int().describe('Refused by policy.'),
  failed: z.int().describe('Not refused, but without a complete answer from the application.'),
  classes: z
    .object({ none: z.int(), '1xx': z.int(), '2xx': z.int(), '3xx': z.int(), '4xx': z.int(), '5xx': z.int() })
    .describe(
      "By HTTP's status. `none`: connections, and requests whose caller got no status. gRPC's own status is not in it.",
    ),
  flags: countsSchema.describe("By Envoy's response flag: `UF`, `UH`, `UC`, `DC` …"),
  tls: countsSchema.describe('By version of TLS: `1.3`, `1.2` …; `none` for plaintext.'),
  received: z.number().describe('Bytes from the caller.'),
  sent: z.number().describe('Bytes to the caller.'),
  latency: latencySchema.exactOptional(),
  lastSeen: z.number(),
  series: z
    .array(
      z.object({
        at: z.number().describe('Begin of the period.'),
        calls: z.int(),
        denied: z.int(),
        failed: z.int(),
        errors: z.int().describe('With a status of 500 or more.'),
        p50: z.number().exactOptional(),
        p99: z.number().exactOptional(),
      }),
    )
    .exactOptional()
    .describe('Periods with calls, oldest first. Only if asked for.'),
});

const callerSideSchema = z.object({
  calls: z.int().describe('Requests that were answered, by whomever; on TCP, connections that began.'),
  classes: edgeSignalsSchema.shape.classes,
  received: z.number().describe('Bytes from the application.'),
  sent: z.number().describe('Bytes to it.'),
  groups: countsSchema.describe('TLS connections to the called service by key exchange group.'),
  latency: latencySchema.exactOptional(),
  lastSeen: z.number(),
  series: edgeSignalsSchema.shape.series,
});

const edgeSchema = z.object({
  service: z.string().describe('Which is called.'),
  port: portNameSchema.exactOptional(),
  caller: z
    .enum(['plaintext', 'one-way-tls', 'legacy', 'mtls'])
    .describe('How the caller connected; the first three are anonymous.'),
  callerService: z.string().exactOptional().describe('The service that has the identity.'),
  principal: z.string().exactOptional().describe("The caller's SPIFFE ID; only for `mtls`."),
  token: z.string().exactOptional(),
  peer: z
    .string()
    .exactOptional()
    .describe('For an anonymous caller: the subject of its legacy certificate, otherwise its address.'),
  crowd: z
    .literal(true)
    .exactOptional()
    .describe(
      'All callers that connected like that and for which there was no room of their own (over 400 of a service).',
    ),
  declared: z.boolean().describe('A document says that this service depends on that port.'),
  inbound: edgeSignalsSchema
    .exactOptional()
    .describe('As the proxy of the called service saw it. Absent: it saw nothing.'),
  outbound: edgeSignalsSchema
    .exactOptional()
    .describe(
      'What the proxy of the calling service answered itself, as the called one could not be reached, or did not ' +
        'answer. Only failures; under load fewer than there were. None on TCP.',
    ),
  callerSide: callerSideSchema
    .exactOptional()
    .describe(
      'All calls, as the proxy of the calling service counted them: also of those whose log was lost, or that went to a ' +
        'service without a proxy here. Reported every ten seconds, latencies every minute. Absent: not called since, or not reported.',
    ),
});

export const signalsSchema = z.object({
  since: z.number().describe('From when on calls are counted: the begin of a period.'),
  until: z.number(),
  step: z.enum(['minute', 'hour', 'day', 'month']).describe('How long the periods are.'),
  relativeError: z.number().describe('Of the latencies.'),
  edges: z
    .array(edgeSchema)
    .describe(
      'At most 10,000, those with most calls first. A declared edge without `inbound`, `outbound` and `callerSide` was not seen.',
    ),
  edgeCount: z.int().describe('Of all edges, listed or not.'),
  services: z
    .array(
      z.object({
        service: z.string(),
        since: z.number().exactOptional().describe('When its first proxy was first seen. Absent: none was.'),
        unknown: z.array(gapSchema).describe('Times in which calls may be missing here.'),
        groups: countsSchema
          .exactOptional()
          .describe(
            'TLS connections by key exchange group (`X25519MLKEM768`, `X25519` …), as Envoy counted them. Absent: not reported.',
          ),
        dropped: z.number().exactOptional().describe('Until when periods are gone, for lack of room.'),
        handshakes: z.array(handshakeSchema).describe('TLS handshakes that failed.'),
      }),
    )
    .describe('The called services.'),
});

export type SignalsQueryFields = z.input<typeof signalsQuerySchema>;
export type SignalsAnswer = z.output<typeof signalsSchema>;
export type EdgeRow = z.output<typeof edgeSchema>;
export type EdgeSignalsAnswer = z.output<typeof edgeSignalsSchema>;
