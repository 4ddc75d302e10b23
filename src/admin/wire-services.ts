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
      external: z.literal(true).exactOptional().describe('A server of another trust domain, which services here call.'),
      mtls: z.enum(['permissive', 'strict']),
      source: sourceSchema,
      ports: z
        .array(z.object({ name: z.string(), protocol: z.enum(['http1', 'http2', 'grpc', 'tcp']) }))
        .exactOptional()
        .describe('Only for a service with named ports.'),
      endpoints: z
        .array(
          z.object({
            of: z.string().describe('Key of the port that should be there.'),
            address: z.string(),
            port: z.int(),
            answer: z
              .enum(['mtls', 'own-tls', 'tls', 'other-mtls', 'plaintext', 'silent', 'nothing'])
              .exactOptional()
              .describe(
                "`mtls`: the service's own proxy, which requires certificates. Absent: not probed yet, or never probed.",
              ),
            state: z.enum(['fine', 'open', 'unknown']).describe("Judged by the service's mode."),
            what: z.string(),
            toDo: z.string(),
            at: z.number().exactOptional(),
          }),
        )
        .exactOptional()
        .describe(
          'For a Service that names its endpoints itself: what answered the probes there. At most 100, open ones first.',
        ),
      endpointCounts: z
        .object({ fine: z.int(), all: z.int() })
        .exactOptional()
        .describe('Of all its endpoints, listed or not.'),
      cutOver: z
        .object({
          ready: z.boolean().describe('The gate would let it become strict.'),
          windowMs: z.number().describe('How far back the gate looked.'),
          reasons: z.array(reasonSchema).describe('At most 100.'),
        })
        .exactOptional()
        .describe('Only for a permissive service; absent while the control plane is starting.'),
    }),
  ),
});

export type ServicesAnswer = z.output<typeof servicesSchema>;
