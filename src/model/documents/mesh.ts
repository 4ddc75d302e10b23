// Mesh: the trust domain and the defaults, one per deployment.
import { z } from 'zod';
import { durationSchema } from '../duration.ts';
import { spiffeIdSchema, trustDomainSchema } from '../spiffe-id.ts';
import { apiVersionSchema, globalMetadataSchema, nameSchema } from './common.ts';
import type { DocumentKind } from './kind.ts';
import { strippedHeaderSchema } from './stripped-header.ts';

export const mtlsModeSchema = z.enum(['permissive', 'strict']);

const legacyAuthoritySchema = z.strictObject({
  name: nameSchema,
  certificates: z
    .string()
    .max(65_536)
    .describe(
      'PEM of the CA certificates whose client certificates permissive services accept, as anonymous callers. ' +
        'They can never vouch for a SPIFFE ID of this trust domain.',
    ),
});

const jwtIssuerSchema = z.strictObject({
  name: nameSchema,
  issuer: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^\S+$/, { error: 'not an issuer: what tokens say in "iss", without blanks' })
    .describe('The exact `iss` of its tokens.'),
  jwks: z
    .string()
    .max(65_536)
    .optional()
    .describe(
      'Its public keys, a JWK Set as JSON. Every key says its `alg`; tokens of another algorithm are refused. Either this or `jwksUri`.',
    ),
  jwksUri: z
    .url({ protocol: /^https$/ })
    .max(1024)
    .optional()
    .describe('Where the control plane fetches its public keys once a minute (https). Proxies fetch nothing.'),
  jwksCa: z
    .string()
    .max(65_536)
    .optional()
    .describe('With `jwksUri`: PEM of the CA certificates of that server. Default: the roots of the system.'),
  header: z
    .string()
    .regex(/^[a-z0-9-]{1,64}$/, { error: 'not a header: lower-case letters, digits and "-"' })
    .default('authorization')
    .describe('The header in which callers send the token; in `authorization` after "Bearer ".'),
});

const defaultActionSchema = z.enum(['allow', 'deny']).default('deny');

export const meshSchema = z.strictObject({
  apiVersion: apiVersionSchema,
  kind: z.literal('Mesh'),
  metadata: globalMetadataSchema,
  spec: z.strictObject({
    trustDomain: trustDomainSchema.describe('The SPIFFE trust domain of every identity here.'),
    mtls: z
      .strictObject({
        mode: mtlsModeSchema.default('strict'),
        cutOverWindow: durationSchema
          .prefault('24h')
          .describe(
            'A service becomes strict only if no caller that would be denied called within this time. Default 24h.',
          ),
      })
      .prefault({})
      .describe('Default for services that do not set it.'),
    svid: z
      .strictObject({
        lifetime: durationSchema
          .prefault('1h')
          .describe('How long an X.509-SVID is valid; renewed at half of it. Default 1h.'),
      })
      .prefault({}),
    legacyAuthorities: z.array(legacyAuthoritySchema).default([]),
    jwtIssuers: z
      .array(jwtIssuerSchema)
      .max(20)
      .default([])
      .describe('Issuers of tokens that rules may ask for: beside an identity, or of callers that have none yet.'),
    authorization: z
      .strictObject({
        withinCell: defaultActionSchema.describe("Callers of the service's own cell. Default: deny."),
        acrossCells: defaultActionSchema.describe('Callers of another cell. Default: deny.'),
      })
      .prefault({})
      .describe(
        'What happens to calls across cells and inside one, for strict services that no enforced policy targets.',
      ),
    strippedHeaders: z
      .array(strippedHeaderSchema)
      .max(32)
      .default([])
      .describe(
        'Identity headers that callers may not send, besides those of the wall and of client certificates ' +
          "(docs/http.md): names, or prefixes such as 'x-sso-*'. In every spelling.",
      ),
    breakGlass: z
      .array(spiffeIdSchema)
      .max(10)
      .default([])
      .describe('Identities that no policy can lock out of any service, for emergencies. Every use is logged.'),
  }),
});

export type Mesh = z.output<typeof meshSchema>;

export const meshKind = {
  schema: meshSchema,
  purpose: 'The trust domain and the defaults. One per deployment.',
} as const satisfies DocumentKind;
