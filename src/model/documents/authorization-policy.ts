// AuthorizationPolicy: who may (or may not) do what with one service.
import { z } from 'zod';
import { spiffeIdSchema, spiffePrefixSchema, trustDomainSchema } from '../spiffe-id.ts';
import { apiVersionSchema, nameSchema, scopedMetadataSchema, serviceRefSchema } from './common.ts';
import type { DocumentKind } from './kind.ts';

/** Exactly one of the keys. */
const sourceSchema = z.union([
  z.strictObject({ service: serviceRefSchema }),
  z.strictObject({ cell: z.union([z.literal('same'), nameSchema]).describe('A cell, or "same": that of the target.') }),
  z.strictObject({ eachCell: nameSchema.describe('The service of this name in each cell.') }),
  z.strictObject({ spiffeId: spiffeIdSchema }),
  z.strictObject({ prefix: spiffePrefixSchema.describe('Begins with a SPIFFE ID and ends in "/".') }),
  z.strictObject({ trustDomain: trustDomainSchema }),
  z.strictObject({ authenticated: z.literal(true).describe('Callers with any identity of the mesh.') }),
  z.strictObject({ anonymous: z.literal(true).describe('Callers without an identity of the mesh.') }),
  z.strictObject({
    jwt: z
      .strictObject({
        issuer: nameSchema.describe("The name of one of the Mesh's jwtIssuers."),
        audience: z.string().min(1).max(256).describe('One of the audiences in the token.'),
        claims: z
          .record(z.string().min(1).max(128), z.string().max(256))
          .default({})
          .describe('Claims that the token must have at the top level, with exactly these values.'),
      })
      .describe(
        'Callers without an identity of the mesh that send a token of this issuer. Permissive HTTP services only.',
      ),
  }),
  z.strictObject({ everyone: z.literal(true).describe('Any caller, with or without an identity.') }),
]);

const literalPath = z
  .string()
  .max(1024)
  .regex(/^\/[^\s?#%;\\*{}]*$/, {
    error: 'not a path: begins with "/", without query, fragment, escapes, ";", "\\" or wildcards',
  });

/** Template segments are literal or `{name}`; `{name}` matches one non-empty segment. */
const templatePath = z
  .string()
  .max(1024)
  .regex(/^(\/([A-Za-z0-9._~!$&'()+,=:@-]+|\{[a-z][a-z0-9_]*\}))+$/, {
    error: 'not a path template: segments are literal or "{name}", as in "/api/v4/projects/{id}/jobs"',
  });

/** The methods that a rule can name: RFC 9110 §9.3, and PATCH (RFC 5789). */
export const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE'] as const;

const httpMethodSchema = z.enum(httpMethods);

const operationSchema = z.strictObject({
  port: nameSchema
    .optional()
    .describe('Only on this port of the target; without other fields: everything there. Default: every targeted port.'),
  methods: z.array(httpMethodSchema).min(1).optional(),
  path: z
    .union([
      z.strictObject({ exact: literalPath }),
      z.strictObject({
        prefix: literalPath.describe('Ends at a segment: "/api" covers "/api" and "/api/x", not "/apix".'),
      }),
      z.strictObject({ template: templatePath }),
    ])
    .optional(),
  grpc: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_.]*\/([A-Za-z_][A-Za-z0-9_]*|\*)$/, {
      error: 'not a gRPC method: "package.Service/Method", or "package.Service/*"',
    })
    .optional(),
  matchingCell: z
    .strictObject({
      field: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, { error: "not a field of the request's message, as in cell_id" })
        .default('cell_id'),
    })
    .optional()
    .describe(
      "With `grpc`, in allow policies: only if this field of the request is the number of the caller's own cell.",
    ),
});

export const authorizationPolicySchema = z.strictObject({
  apiVersion: apiVersionSchema,
  kind: z.literal('AuthorizationPolicy'),
  metadata: scopedMetadataSchema,
  spec: z.strictObject({
    target: z.strictObject({
      service: serviceRefSchema,
      port: nameSchema.optional().describe('One of its ports. Default: every port.'),
    }),
    action: z.enum(['allow', 'deny']),
    mode: z.enum(['enforce', 'shadow']).default('enforce').describe('shadow: counted, not enforced.'),
    rules: z
      .array(
        z.strictObject({
          from: z.array(sourceSchema).min(1),
          to: z.array(operationSchema).min(1).optional().describe('If absent: every operation.'),
        }),
      )
      .max(1000)
      .describe('An allow policy without rules allows nobody.'),
  }),
});

export type AuthorizationPolicy = z.output<typeof authorizationPolicySchema>;

export const authorizationPolicyKind = {
  schema: authorizationPolicySchema,
  purpose: 'Who may, or may not, do what with one service.',
} as const satisfies DocumentKind;
export type PolicySource = z.output<typeof sourceSchema>;
export type PolicyOperation = z.output<typeof operationSchema>;
