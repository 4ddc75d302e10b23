// What the admin API answers about the record, its simulations, the gate, the history and the audit log.
import { z } from 'zod';

export const portNameSchema = z.string().describe('Which of its ports, if that port has a name.');

export const trafficCountSchema = z.object({
  service: z.string(),
  port: portNameSchema.exactOptional(),
  caller: z
    .enum(['plaintext', 'one-way-tls', 'legacy', 'mtls'])
    .describe('How the caller connected; the first three are anonymous.'),
  principal: z.string().optional().describe("The caller's SPIFFE ID; only for `mtls`."),
  token: z
    .string()
    .optional()
    .describe(
      'For an anonymous caller: the issuer of the token that it sent, by its name in the Mesh, if the token was verified.',
    ),
  peer: z
    .string()
    .optional()
    .describe('For an anonymous caller: the subject of its legacy certificate, otherwise its address.'),
  method: z.string().optional().describe('HTTP method; absent on TCP.'),
  decision: z
    .enum(['allowed', 'failed', 'denied'])
    .describe('`failed`: not denied, but it got no complete answer from the application, or ended before a decision.'),
  policy: z.string().optional().describe('The rule that decided, by its name on the proxy.'),
  shadow: z
    .object({ decision: z.enum(['allowed', 'denied']), policy: z.string().optional() })
    .optional()
    .describe('What the shadow policies would have decided, and by which rule, if that differs from the decision.'),
  credential: z
    .string()
    .optional()
    .describe("The token that the service's proxy set for the caller, by its name in the document of the service."),
  count: z.int(),
  lastSeen: z.number(),
  firstSeen: z.number().optional().describe('Only of calls for which a token was set.'),
});

export const handshakeSchema = z.object({
  service: z.string(),
  port: portNameSchema.exactOptional(),
  address: z.string().describe('Where they came from.'),
  why: z.string(),
  caller: z.boolean().describe('It was an attempt to call: the gate considers it.'),
  count: z.int(),
  lastSeen: z.number(),
});

export const trafficSchema = z.object({
  traffic: z.array(trafficCountSchema),
  handshakes: z.array(handshakeSchema).describe('TLS handshakes that failed; at most 200 kinds for each service.'),
});

const callSchema = z.object({
  service: z.string(),
  port: portNameSchema.exactOptional(),
  caller: z.enum(['plaintext', 'one-way-tls', 'legacy', 'mtls']),
  principal: z.string().exactOptional(),
  peer: z
    .string()
    .exactOptional()
    .describe('For an anonymous caller: the subject of its legacy certificate, otherwise its address.'),
  method: z.string().exactOptional(),
  path: z.string().exactOptional().describe('As far as it is recorded.'),
  by: z.string().exactOptional().describe('The rule or the stage that would decide.'),
  count: z.int().describe('For whole days (UTC), so it may be slightly high.'),
  lastSeen: z.number(),
});

export const gapSchema = z.object({
  node: z.string(),
  from: z.number(),
  to: z.number().exactOptional(),
  missing: z
    .object({ what: z.enum(['requests', 'connections', 'log entries']), counted: z.int(), told: z.int() })
    .exactOptional()
    .describe("Envoy's own counters had more than its log reported. Absent: the proxy was not connected."),
});

export const simulationSchema = z.object({
  kind: z.literal('simulation'),
  revision: z.int(),
  since: z.number(),
  replayed: z.int().describe('How many kinds of calls were replayed.'),
  newlyDenied: z.array(callSchema).describe('At most 1000, the most frequent first; the same for the other lists.'),
  newlyAllowed: z.array(callSchema),
  cannotTell: z.array(callSchema).describe('Calls of which too little is recorded to decide them.'),
  totals: z
    .object({ newlyDenied: z.int(), newlyAllowed: z.int(), cannotTell: z.int() })
    .describe('Numbers of calls, including those that are not listed.'),
  incomplete: z
    .array(
      z.object({
        service: z.string(),
        port: portNameSchema.exactOptional(),
        since: z.number().exactOptional(),
        gaps: z.array(gapSchema),
      }),
    )
    .describe('Services affected by the change whose record has gaps, or begins later (`since`) than requested.'),
  notCrossChecked: z
    .array(z.string())
    .describe("Proxies of these services whose Envoy's counters are not compared with their log."),
});

export const reasonSchema = z.object({
  service: z.string(),
  port: portNameSchema.exactOptional(),
  kind: z.enum(['record', 'caller', 'handshake', 'shadow', 'client-half', 'application', 'endpoint']),
  who: z.string(),
  why: z.string(),
  count: z.int().exactOptional(),
  lastSeen: z.number().exactOptional(),
  address: z
    .string()
    .exactOptional()
    .describe('Address of a peer that proved nothing about itself: `ignoreAddresses` may disregard it.'),
  warning: z
    .literal(true)
    .exactOptional()
    .describe(
      'Reported, but does not block: a caller that was waited for long enough, an address that is disregarded, or ' +
        'an endpoint that the control plane cannot check.',
    ),
});

export const historySchema = z.object({
  revision: z.int(),
  revisions: z.array(
    z.object({
      revision: z.int(),
      at: z.number().describe('When it came into force.'),
      author: z.string().exactOptional().describe('Absent for a change from outside.'),
      kind: z
        .enum(['apply', 'rollback', 'outside'])
        .describe('`outside`: a file or the store was edited, not through the admin API.'),
      to: z.int().exactOptional().describe('For a rollback: the revision that it went back to.'),
      forced: z
        .array(z.string())
        .exactOptional()
        .describe('Services that were made strict despite the reasons of the gate.'),
      confirmed: z
        .array(z.string())
        .exactOptional()
        .describe('Codes of the reasons for which it was held, until its author confirmed them.'),
      reason: z.string().exactOptional().describe('The reason that its author gave.'),
      approvedBy: z.string().exactOptional().describe('It waited for approval: who approved it.'),
      provenAt: z.number().exactOptional().describe('Since when it counts as a last good state, and is kept as one.'),
      changed: z.array(z.object({ key: z.string(), op: z.enum(['create', 'update', 'delete']) })),
    }),
  ),
});

export const auditQuerySchema = z.strictObject({
  last: z.coerce.number().int().min(1).max(10_000).default(100).describe('How many of the latest records.'),
  all: z
    .enum(['yes'])
    .optional()
    .describe(
      'Also what is recorded all the time: issued certificates, hosts that proved themselves, sign-ins, checkpoints.',
    ),
});
export const auditRecordSchema = z.object({
  number: z.int(),
  time: z.string(),
  event: z.looseObject({ kind: z.string() }),
  hash: z.string(),
  replica: z.string().exactOptional().describe('Whose log it is in. Absent: there is one control plane only.'),
});
export const auditSchema = z.object({
  intact: z.boolean().describe('Every chain is unbroken: every record is linked to the one before it.'),
  brokenAt: z.int().exactOptional().describe('The line at which the chain of the one that answers breaks.'),
  what: z.string().exactOptional().describe('What is wrong there, with the file.'),
  broken: z
    .array(z.object({ replica: z.string(), line: z.int(), what: z.string().exactOptional() }))
    .exactOptional()
    .describe('Of several control planes, those whose chain breaks.'),
  silent: z
    .array(z.string())
    .exactOptional()
    .describe('Those that did not answer, or are gone since a moment ago: their records are missing.'),
  records: z.array(auditRecordSchema),
});

export const checkpointsSchema = z.object({
  checkpoints: z.array(
    z.object({
      log: z.string().describe('The id of the log: each control plane writes its own.'),
      number: z.int().describe('Its last record.'),
      hash: z.string(),
      at: z.string(),
      protected: z.string().describe('The header of a JWS, with the certificates of its key.'),
      signature: z.string(),
    }),
  ),
});

export type CheckpointsAnswer = z.output<typeof checkpointsSchema>;
export type SimulationAnswer = z.output<typeof simulationSchema>;
export type SimulatedRow = z.output<typeof callSchema>;
export type CutOverRow = z.output<typeof reasonSchema>;
export type HistoryAnswer = z.output<typeof historySchema>;
export type AuditAnswer = z.output<typeof auditSchema>;
