// What the admin API answers about services.
import { z } from 'zod';
import { sourceSchema } from './wire-place.ts';
import { reasonSchema } from './wire-record.ts';

export const servicesSchema = z.object({
  revision: z.int(),
  services: z.array(
    z.object({
      service: z.string().describe('`cell/name` or `name`.'),
      spiffeId: z.string(),
      mtls: z.enum(['permissive', 'strict']),
      source: sourceSchema,
      ports: z
        .array(z.object({ name: z.string(), protocol: z.enum(['http1', 'http2', 'grpc', 'tcp']) }))
        .exactOptional()
        .describe('Of a service with ports that have names.'),
      endpoints: z
        .array(
          z.object({
            of: z.string().describe('Key of the port that is to be there.'),
            address: z.string(),
            port: z.int(),
            answer: z
              .enum(['mtls', 'own-tls', 'tls', 'other-mtls', 'plaintext', 'silent', 'nothing'])
              .exactOptional()
              .describe("`mtls`: the service's own proxy, certificates required. Absent: not looked at yet, or never."),
            state: z.enum(['fine', 'open', 'unknown']).describe("For the service's mode."),
            what: z.string(),
            toDo: z.string(),
            at: z.number().exactOptional(),
          }),
        )
        .exactOptional()
        .describe(
          'Of a Service that names its endpoints itself: what answered the control plane there. At most 100, open ones first.',
        ),
      endpointCounts: z.object({ fine: z.int(), all: z.int() }).exactOptional().describe('Of all of them.'),
      cutOver: z
        .object({
          ready: z.boolean().describe('The gate would let it become strict.'),
          windowMs: z.number().describe('How far back was looked.'),
          reasons: z.array(reasonSchema).describe('At most 100.'),
        })
        .exactOptional()
        .describe('Of a permissive service; absent while the control plane starts.'),
    }),
  ),
});

export type ServicesAnswer = z.output<typeof servicesSchema>;
