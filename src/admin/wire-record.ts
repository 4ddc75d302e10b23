// What the admin API answers about the record, its simulations, the gate, the history and the audit log.
import { z } from 'zod';

const portNameSchema = z.string().describe('Which of its ports, where that has a name of its own.');

export const trafficCountSchema = z.object({
  service: z.string(),
  port: portNameSchema.exactOptional(),
  caller: z
    .enum(['plaintext', 'one-way-tls', 'legacy', 'mtls'])
    .describe('How the caller came: the first three are anonymous.'),
  principal: z.string().optional().describe("The caller's SPIFFE ID; mtls only."),
  token: z
    .string()
    .optional()
    .describe("Of an anonymous caller: the mesh's name of the issuer whose token it sent, if one was verified."),
  peer: z.string().optional().describe("Of an anonymous caller: its legacy certificate's subject, else its address."),
  method: z.string().optional().describe('HTTP method; absent on TCP.'),
  decision: z
    .enum(['allowed', 'failed', 'denied'])
    .describe('`failed`: not denied, but without a whole answer of the application, or over before anybody decided.'),
  policy: z.string().optional().describe('The rule that decided, by its name on the proxy.'),
  shadow: z
    .object({ decision: z.enum(['allowed', 'denied']), policy: z.string().optional() })
    .optional()
    .describe('What the shadow policies would have decided, and by which rule, where it is not what was decided.'),
  count: z.int(),
  lastSeen: z.number(),
});

const handshakeSchema = z.object({
  service: z.string(),
  port: portNameSchema.exactOptional(),
  address: z.string().describe('Where they came from.'),
  why: z.string(),
  caller: z.boolean().describe('Somebody who tried to call: counts for the gate to strict.'),
  count: z.int(),
  lastSeen: z.number(),
});

export const trafficSchema = z.object({
  traffic: z.array(trafficCountSchema),
  handshakes: z.array(handshakeSchema).describe('TLS handshakes that failed. At most 200 kinds of a service.'),
});

const callSchema = z.object({
  service: z.string(),
  port: portNameSchema.exactOptional(),
  caller: z.enum(['plaintext', 'one-way-tls', 'legacy', 'mtls']),
  principal: z.string().exactOptional(),
  peer: z.string().exactOptional().describe("Anonymous callers: the legacy certificate's subject, else the address."),
  method: z.string().exactOptional(),
  path: z.string().exactOptional().describe('As far as the record tells it.'),
  by: z.string().exactOptional().describe('The rule or the stage that would decide.'),
  count: z.int().describe('Of whole days (UTC): may be a little high.'),
  lastSeen: z.number(),
});

const gapSchema = z.object({
  node: z.string(),
  from: z.number(),
  to: z.number().exactOptional(),
  missing: z
    .object({ what: z.enum(['requests', 'connections', 'log entries']), counted: z.int(), told: z.int() })
    .exactOptional()
    .describe("Envoy's own counters had more than its log told. Absent: the proxy was not connected."),
});

export const simulationSchema = z.object({
  kind: z.literal('simulation'),
  revision: z.int(),
  since: z.number(),
  replayed: z.int().describe('Kinds of calls that were replayed.'),
  newlyDenied: z.array(callSchema).describe('At most 1000, most frequent first; so the others.'),
  newlyAllowed: z.array(callSchema),
  cannotTell: z.array(callSchema).describe('What the record does not hold enough of.'),
  totals: z
    .object({ newlyDenied: z.int(), newlyAllowed: z.int(), cannotTell: z.int() })
    .describe('How many calls, all of them.'),
  incomplete: z
    .array(
      z.object({
        service: z.string(),
        port: portNameSchema.exactOptional(),
        since: z.number().exactOptional(),
        gaps: z.array(gapSchema),
      }),
    )
    .describe('Services of the change whose record has gaps, or begins later (`since`) than was asked for.'),
  notCrossChecked: z
    .array(z.string())
    .describe("Proxies of these services whose Envoy's counters are not read beside their log."),
});

export const reasonSchema = z.object({
  service: z.string(),
  port: portNameSchema.exactOptional(),
  kind: z.enum(['record', 'caller', 'handshake', 'shadow', 'client-half', 'application', 'endpoint']),
  who: z.string(),
  why: z.string(),
  count: z.int().exactOptional(),
  lastSeen: z.number().exactOptional(),
  address: z.string().exactOptional().describe('Of somebody who proved nothing: `ignoreAddresses` passes it over.'),
  warning: z
    .literal(true)
    .exactOptional()
    .describe(
      'It refuses nothing: a caller that was waited for long enough, an address that is passed over, or an ' +
        'endpoint of which nothing can be known from here.',
    ),
});

export const historySchema = z.object({
  revision: z.int(),
  revisions: z.array(
    z.object({
      revision: z.int(),
      at: z.number().describe('When it came into force.'),
      author: z.string().exactOptional().describe('Absent for an edit from outside.'),
      kind: z
        .enum(['apply', 'rollback', 'outside'])
        .describe('`outside`: a file was edited, or the store, not through the admin API.'),
      to: z.int().exactOptional().describe('Of a rollback: the revision that it went back to.'),
      forced: z
        .array(z.string())
        .exactOptional()
        .describe('Services that were made strict despite the reasons of the gate.'),
      reason: z.string().exactOptional().describe('Why, as its author said.'),
      changed: z.array(z.object({ key: z.string(), op: z.enum(['create', 'update', 'delete']) })),
    }),
  ),
});

export const auditQuerySchema = z.strictObject({
  last: z.coerce.number().int().min(1).max(10_000).default(100).describe('How many, from the end.'),
});
export const auditSchema = z.object({
  intact: z.boolean().describe('Every record is linked to the one before.'),
  brokenAt: z.int().exactOptional().describe('The line at which the chain breaks.'),
  records: z.array(
    z.object({ number: z.int(), time: z.string(), event: z.looseObject({ kind: z.string() }), hash: z.string() }),
  ),
});

export type SimulationAnswer = z.output<typeof simulationSchema>;
export type SimulatedRow = z.output<typeof callSchema>;
export type CutOverRow = z.output<typeof reasonSchema>;
export type HistoryAnswer = z.output<typeof historySchema>;
export type AuditAnswer = z.output<typeof auditSchema>;
