// Service: what runs behind a sidecar, and what it calls.
import { z } from 'zod';
import { maxServicePorts } from '../../lib/port-name.ts';
import { durationSchema } from '../duration.ts';
import { spiffeIdSchema } from '../spiffe-id.ts';
import { apiVersionSchema, nameSchema, scopedMetadataSchema, serviceRefSchema } from './common.ts';
import { credentialSchema } from './credential.ts';
import { dependencySchema } from './dependency.ts';
import type { DocumentKind } from './kind.ts';
import { mtlsModeSchema } from './mesh.ts';
import {
  endpointsSchema,
  grpcSchema,
  headerCaseSchema,
  healthCheckSchema,
  healthSchema,
  pathsSchema,
  protocolSchema,
  servicePortSchema,
  upgradesSchema,
} from './service-port.ts';
import { strippedHeaderSchema } from './stripped-header.ts';

const trustedHopSchema = z.union(
  [
    z.strictObject({ service: serviceRefSchema }),
    z.strictObject({ spiffeId: spiffeIdSchema }).describe('It has to name its filter chain by SNI: docs/edges.md.'),
    z.strictObject({ anonymous: z.literal(true) }).describe('Permissive only: everyone who has no identity.'),
  ],
  { error: 'one of `service`, `spiffeId`, `anonymous: true`' },
);

export const serviceSchema = z.strictObject({
  apiVersion: apiVersionSchema,
  kind: z.literal('Service'),
  metadata: scopedMetadataSchema,
  spec: z.strictObject({
    protocol: protocolSchema
      .optional()
      .describe('The protocol of the application, if the service has one port. Either this or `ports`.'),
    ports: z
      .array(servicePortSchema)
      .min(1)
      .max(maxServicePorts)
      .optional()
      .describe(
        'For a service with several ports. What depends on the protocol (health, healthCheck, grpc, upgrades, ' +
          'headerCase) and addresses (static, dns) are then given for each port. The mTLS mode is the same ' +
          'for all.',
      ),
    mtls: z
      .strictObject({
        mode: mtlsModeSchema.describe("Default: the mesh's."),
        legacyAuthority: nameSchema
          .optional()
          .describe('Permissive only: also accept client certificates of this legacy authority of the mesh.'),
      })
      .optional(),
    external: z
      .strictObject({
        spiffeId: spiffeIdSchema.describe('Whom the server must prove to be. Its trust domain needs a TrustBundle.'),
      })
      .optional()
      .describe(
        'A server of another trust domain that services here call: nothing of it runs in this mesh, and no policy is ' +
          'about it. Needs `endpoints` that are `static` or `dns`.',
      ),
    endpoints: endpointsSchema.default({ sidecars: true }).describe('Where its sidecars listen.'),
    dependsOn: z.array(dependencySchema).max(200).default([]).describe('What it calls. A proxy receives nothing else.'),
    identityHeaders: z
      .strictObject({
        xfcc: z
          .boolean()
          .default(true)
          .describe('x-forwarded-client-cert, set from the verified certificate of a caller of the mesh.'),
        peerId: z
          .boolean()
          .default(true)
          .describe(
            'x-cellwall-peer-id: the SPIFFE ID of the caller, absent if anonymous; x-cellwall-peer-cell and ' +
              'x-cellwall-peer-service: the names in it.',
          ),
        subjectDn: z
          .boolean()
          .default(false)
          .describe(
            "x-client-cert-subject-dn, as GitLab's Topology Service reads it: base64 of the DER of a subject DN " +
              "whose CN is the name of the caller's cell.",
          ),
        stripped: z
          .array(strippedHeaderSchema)
          .max(32)
          .default([])
          .describe("More headers that callers may not send, besides the mesh's and the defaults, in any spelling."),
        trustedFrom: z
          .array(trustedHopSchema)
          .max(16)
          .default([])
          .describe(
            'Hops whose stripped headers the application gets: those that terminate TLS for others, such as nginx in front of Rails.',
          ),
      })
      .prefault({})
      .describe('Headers that tell the application who its caller is. Forged ones are always stripped.'),
    credential: credentialSchema
      .optional()
      .describe(
        'A token that the application expects in a header. Its sidecar sets it for the callers that are named: docs/service-tokens.md.',
      ),
    health: healthSchema.optional(),
    grpc: grpcSchema
      .optional()
      .describe('The request types of its gRPC methods; written by `cellwall import grpc-access`.'),
    paths: pathsSchema
      .prefault({})
      .describe("Requests with %2F, %5C in the path are refused, or kept as they are (APIs like GitLab's)."),
    timeouts: z
      .strictObject({
        connect: durationSchema.prefault('1s'),
        request: durationSchema.prefault('0s').describe('The whole request; 0s: no limit.'),
        idle: durationSchema
          .prefault('1h')
          .describe(
            'Streams and TCP connections without traffic; 0s: no limit. Nothing else ends what is open and allowed.',
          ),
        applicationIdle: durationSchema
          .optional()
          .describe(
            'How long a connection to the application may be unused; set it below the limit of the application ' +
              'itself. Default: 250ms for `http1`, else `idle`.',
          ),
      })
      .prefault({}),
    upgrades: upgradesSchema
      .default([])
      .describe('What an `http1` service may be upgraded to. A rule that allows the request allows all that follows.'),
    headerCase: headerCaseSchema
      .default('lower')
      .describe("`keep`: names of HTTP/1.1 headers arrive as they were written ('X-API-Key')."),
    retries: z
      .strictObject({
        attempts: z.int().min(0).max(10),
        perTryTimeout: durationSchema.optional(),
      })
      .prefault({ attempts: 1 })
      .describe(
        'Retries by its callers, only after connection failures and refused streams: no request is executed twice.',
      ),
    outlierDetection: z
      .strictObject({
        consecutiveFailures: z.int().min(1).max(1000).default(5),
        baseEjection: durationSchema.prefault('30s'),
        maxEjectionPercent: z.int().min(0).max(100).default(50),
      })
      .optional()
      .describe(
        'When callers leave out a replica for a while: after so many answers of 500 and above in a row, failed connections among them. ' +
          'Default: after 5 answers of 502, 503 or 504 in a row (a dead application), for 10s, and longer each time that it fails ' +
          'again, up to 30s; half of the replicas at most, and never the only one. `{maxEjectionPercent: 0}`: none is left out.',
      ),
    healthCheck: healthCheckSchema
      .optional()
      .describe('Active checks by its callers: of its health path over mTLS, or by a TCP connection.'),
    locality: z
      .strictObject({ sameCellFirst: z.boolean().default(true) })
      .prefault({})
      .describe('Callers use endpoints of their own cell first, then of their region, then all.'),
    connectionAge: durationSchema
      .optional()
      .describe("Connections are drained and reopened after this long. Default: below half the SVID's lifetime."),
  }),
});

export type Service = z.output<typeof serviceSchema>;

export const serviceKind = {
  schema: serviceSchema,
  purpose: 'An application behind a sidecar, and what it calls.',
} as const satisfies DocumentKind;
