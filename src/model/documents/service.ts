// Service: what stands behind a sidecar, and what it calls.
import { z } from 'zod';
import { durationSchema } from '../duration.ts';
import { spiffeIdSchema } from '../spiffe-id.ts';
import {
  apiVersionSchema,
  ipSchema,
  nameSchema,
  portSchema,
  scopedMetadataSchema,
  serviceRefSchema,
} from './common.ts';
import { dependencySchema } from './dependency.ts';
import type { DocumentKind } from './kind.ts';
import { mtlsModeSchema } from './mesh.ts';
import { strippedHeaderSchema } from './stripped-header.ts';

const pathSchema = z
  .string()
  .max(1024)
  .regex(/^\/[^\s?#%;\\]*$/, { error: 'not a path: begins with "/", without query, fragment, escapes, ";" or "\\"' });

const staticEndpointSchema = z.strictObject({
  address: ipSchema,
  port: portSchema,
  cell: nameSchema.optional().describe('Where it runs, for same-cell-first.'),
});

const trustedHopSchema = z.union(
  [
    z.strictObject({ service: serviceRefSchema }),
    z.strictObject({ spiffeId: spiffeIdSchema }).describe('It has to name its chain by SNI: docs/edges.md.'),
    z.strictObject({ anonymous: z.literal(true) }).describe('Permissive only: everyone who has no identity.'),
  ],
  { error: 'one of `service`, `spiffeId`, `anonymous: true`' },
);

const endpointsSchema = z
  .union([
    z.strictObject({ sidecars: z.literal(true) }).describe('Those of its connected sidecars (default).'),
    z.strictObject({ static: z.array(staticEndpointSchema).min(1).max(1000) }),
    z.strictObject({ dns: z.strictObject({ name: z.string().min(1).max(253), port: portSchema }) }),
  ])
  .default({ sidecars: true })
  .describe('Where its sidecars listen.');

export const serviceSchema = z.strictObject({
  apiVersion: apiVersionSchema,
  kind: z.literal('Service'),
  metadata: scopedMetadataSchema,
  spec: z.strictObject({
    protocol: z.enum(['http1', 'http2', 'grpc', 'tcp']).describe('What the application speaks.'),
    mtls: z
      .strictObject({
        mode: mtlsModeSchema.describe("Default: the mesh's."),
        legacyAuthority: nameSchema
          .optional()
          .describe('Permissive only: also accept client certificates of this legacy authority of the mesh.'),
      })
      .optional(),
    endpoints: endpointsSchema,
    dependsOn: z.array(dependencySchema).max(200).default([]).describe('What it calls. A proxy receives nothing else.'),
    identityHeaders: z
      .strictObject({
        xfcc: z
          .boolean()
          .default(true)
          .describe('x-forwarded-client-cert, set anew from the verified certificate of a caller of the mesh.'),
        peerId: z
          .boolean()
          .default(true)
          .describe(
            'x-cellwall-peer-id: the SPIFFE ID of the caller, absent if anonymous; x-cellwall-peer-cell and x-cellwall-peer-service: the names in it.',
          ),
        subjectDn: z
          .boolean()
          .default(false)
          .describe(
            "x-client-cert-subject-dn, as GitLab's Topology Service reads it: base64 of the DER of a subject DN whose CN is the name of the caller's cell.",
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
          .describe('Whose stripped headers the application gets: what ends TLS for others, as nginx before Rails.'),
      })
      .prefault({})
      .describe('What the application is told of its caller. Forged ones are always stripped.'),
    health: z
      .strictObject({
        path: pathSchema.describe(
          'Answered by the application, without a certificate, to a bare GET or HEAD: no query, no body, and of its headers only Host, Accept and User-Agent arrive.',
        ),
      })
      .optional(),
    grpc: z
      .strictObject({
        descriptorSet: z
          .string()
          .max(262_144)
          .regex(/^[A-Za-z0-9+/\s]+={0,2}\s*$/, { error: 'not base64' })
          .describe('A FileDescriptorSet in base64: of the methods that `matchingCell` rules speak of, at least.'),
      })
      .optional()
      .describe('What its gRPC methods take; written by `cellwall import grpc-access`.'),
    paths: z
      .strictObject({ escapedSlashes: z.enum(['reject', 'keep']).default('reject') })
      .prefault({})
      .describe("Requests with %2F, %5C in the path are refused, or kept as they are (APIs like GitLab's)."),
    timeouts: z
      .strictObject({
        connect: durationSchema.prefault('1s'),
        request: durationSchema.prefault('0s').describe('Whole request; 0s: none.'),
        idle: durationSchema
          .prefault('1h')
          .describe(
            'Streams and TCP connections without traffic; 0s: none. Nothing else ends what is open and allowed.',
          ),
        applicationIdle: durationSchema
          .optional()
          .describe(
            'How long a connection to the application may be unused; below what the application itself allows. Default: 250ms for `http1`, else `idle`.',
          ),
      })
      .prefault({}),
    upgrades: z
      .array(z.enum(['websocket']))
      .max(1)
      .default([])
      .describe('What an `http1` service may be upgraded to. A rule that allows the request allows all that follows.'),
    headerCase: z
      .enum(['lower', 'keep'])
      .default('lower')
      .describe("`keep`: names of HTTP/1.1 headers arrive as they were written ('X-API-Key')."),
    retries: z
      .strictObject({
        attempts: z.int().min(0).max(10),
        perTryTimeout: durationSchema.optional(),
      })
      .prefault({ attempts: 1 })
      .describe('Of its callers, on connection failures and refused streams only: no request is executed twice.'),
    outlierDetection: z
      .strictObject({
        consecutiveFailures: z.int().min(1).max(1000).default(5),
        baseEjection: durationSchema.prefault('30s'),
        maxEjectionPercent: z.int().min(0).max(100).default(50),
      })
      .optional(),
    healthCheck: z
      .strictObject({
        interval: durationSchema.prefault('5s'),
        timeout: durationSchema.prefault('1s'),
        unhealthyThreshold: z.int().min(1).max(100).default(3),
        healthyThreshold: z.int().min(1).max(100).default(1),
      })
      .optional()
      .describe('Active checks by its callers: its health path over mTLS, or a TCP connect.'),
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
  purpose: 'What stands behind a sidecar, and what it calls.',
} as const satisfies DocumentKind;
