// What the admin API answers about proxies, as schemas.
import { z } from 'zod';
import { rejectedSchema } from './wire-place.ts';
import { replicaSchema } from './wire-replicas.ts';

const addressSchema = z.object({ address: z.string(), port: z.int() });
const placeSchema = z.object({
  inbound: addressSchema.optional(),
  notRegistered: z.string().optional().describe('Why callers are not sent to the address that it claims to listen on.'),
  application: z.union([addressSchema, z.object({ path: z.string().describe('Path of a Unix socket.') })]).optional(),
  applicationState: z
    .object({
      answers: z.boolean(),
      why: z.string().exactOptional().describe('Why not, in a word.'),
      on: z
        .array(z.string())
        .readonly()
        .exactOptional()
        .describe('Addresses at which something listens on its port. Absent: its helper does not say.'),
      around: z
        .array(z.string())
        .readonly()
        .describe('Addresses beyond loopback on which it is open: ways around the sidecar.'),
    })
    .optional()
    .describe('State of its application, as reported by its helper.'),
});

export const proxySchema = z.object({
  node: z.string().describe('`<SPIFFE ID>~<instance>`.'),
  spiffeId: z.string(),
  service: z.string().optional(),
  state: z.enum(['connected', 'held', 'gone']),
  replica: replicaSchema,
  ...{ since: z.number(), ...placeSchema.shape },
  ports: z
    .array(placeSchema.extend({ name: z.string() }))
    .readonly()
    .optional()
    .describe('The same for named ports; the fields beside this one are those of the port `default`.'),
  clockOffsetMs: z
    .int()
    .optional()
    .describe("How far its host's clock is ahead of the control plane's; negative if it is behind."),
  contested: z
    .object({ peer: z.string(), inbound: addressSchema.exactOptional(), at: z.number() })
    .optional()
    .describe('Another proxy that claimed this name, and was refused.'),
  userAgent: z.string().optional().describe('What it claims to be, as in `envoy/1.40.0`.'),
  outdated: z.string().optional().describe('Why it is sent nothing: its Envoy is too old.'),
  withheld: z
    .string()
    .optional()
    .describe("Why the control plane's own checks kept back what is in force; the proxy keeps what it has."),
  takenPorts: z
    .array(z.object({ address: z.string(), port: z.int(), holder: z.string().describe('As in `pid 123 (python3)`.') }))
    .readonly()
    .optional()
    .describe('Ports on which its Envoy cannot listen, and who occupies them, as reported by its helper.'),
  ready: z.boolean().describe('It has accepted its listeners and serves, and a document names its identity.'),
  types: z.array(
    z.object({
      typeUrl: z.string(),
      sentRevision: z.int().optional(),
      ackedRevision: z.int().optional(),
      ackedVersion: z.string().optional(),
      behindSince: z.number().optional().describe('When it was sent the first of what it has not accepted.'),
      nack: z.object({ revision: z.int(), message: z.string(), resources: rejectedSchema.readonly() }).optional(),
    }),
  ),
  keys: z
    .literal('local')
    .optional()
    .describe('The helper beside it made its key, and keeps it. Absent: the control plane.'),
  certificate: z
    .object({ serial: z.string(), notAfter: z.number() })
    .optional()
    .describe('The last one that it was sent; it may have ended. Absent: none is on record.'),
  crossChecked: z
    .object({
      at: z.number().describe('When its counters were last reported.'),
      counters: z.record(z.string(), z.int()).describe("Envoy's own, for its inbound listener, since it started."),
      told: z.int().describe('What its log reported: requests for HTTP, connections for TCP.'),
    })
    .optional()
    .describe("Absent: its Envoy's counters are not compared with its log."),
  missing: z
    .array(
      z.object({
        from: z.number(),
        to: z.number(),
        what: z.enum(['requests', 'connections', 'log entries']),
        counted: z.int(),
        told: z.int(),
      }),
    )
    .optional()
    .describe('Times within the last 24 hours in which its log reported less than its Envoy counted.'),
});

export const proxiesSchema = z.object({ proxies: z.array(proxySchema) });

export type ProxiesAnswer = z.output<typeof proxiesSchema>;
export type ProxyRow = z.output<typeof proxySchema>;
