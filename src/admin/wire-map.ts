// What the admin API answers about the whole mesh at once: services, and who calls whom.
import { z } from 'zod';
import { sourceSchema } from './wire-place.ts';

const edgeStates = ['refused', 'failing', 'plaintext', 'allowed', 'unseen'] as const;
export type EdgeState = (typeof edgeStates)[number];

const mapServiceSchema = z.object({
  service: z.string().describe('`cell/name` or `name`.'),
  name: z.string(),
  cell: z.string().exactOptional(),
  spiffeId: z.string(),
  external: z.literal(true).exactOptional(),
  mtls: z.enum(['permissive', 'strict']),
  ports: z.array(z.object({ name: z.string(), protocol: z.enum(['http1', 'http2', 'grpc', 'tcp']) })).readonly(),
  source: sourceSchema,
  policies: z.array(z.string()).readonly().describe('Keys of the policies that target it, enforced or not.'),
  proxies: z
    .object({ connected: z.int(), held: z.int(), gone: z.int(), rejecting: z.int(), silent: z.int() })
    .describe('`rejecting`: did not accept what they were sent. `silent`: their application does not answer.'),
  handshakes: z
    .object({ count: z.int(), lastSeen: z.number() })
    .exactOptional()
    .describe('TLS handshakes of callers that failed before it. Absent: none.'),
});

const edgeSchema = z.object({
  from: z.string().describe('A service; else a SPIFFE ID, `plaintext`, `one-way-tls` or `legacy`.'),
  to: z.string().describe('A service.'),
  port: z.string().exactOptional().describe('Which of its ports, if that port has a name.'),
  declared: z.boolean().describe('The caller names it in `dependsOn`.'),
  state: z
    .enum(edgeStates)
    .describe(
      'The worst of what was seen within `recentMs`, or of what was seen last: `refused`, `failing` (no complete answer), ' +
        '`plaintext` (no certificate of the mesh), `allowed`. `unseen`: declared, and no call is on record.',
    ),
  recent: z.boolean().describe('Seen within `recentMs`.'),
  ...{ allowed: z.int(), failed: z.int(), denied: z.int() },
  unproven: z.int().describe('Those of them whose caller had no certificate of the mesh.'),
  wouldBeDenied: z.int().describe('Those that a shadow policy would deny.'),
  lastSeen: z.number().exactOptional(),
});

export const mapSchema = z.object({
  revision: z.int(),
  recentMs: z.number(),
  services: z.array(mapServiceSchema).readonly(),
  edges: z.array(edgeSchema).readonly(),
  omitted: z.int().exactOptional().describe('Edges beyond 20,000, those seen longest ago. Absent: none.'),
});

export type MapAnswer = z.output<typeof mapSchema>;
export type MapService = z.output<typeof mapServiceSchema>;
export type MapEdge = z.output<typeof edgeSchema>;
