// AuthorizationPolicy: who may (or may not) do what with one service.
import { z } from 'zod';
import { spiffeIdSchema, spiffePrefixSchema, trustDomainSchema } from '../spiffe-id.ts';
import { apiVersionSchema, nameSchema, scopedMetadataSchema, serviceRefSchema } from './common.ts';
import type { DocumentKind } from './kind.ts';
import { tokenSchema } from './token.ts';

const token = {
  jwt: tokenSchema.optional().describe('Only with a request that carries this token as well. HTTP services only.'),
};

/** Exactly one of the keys; beside those that name identities, `jwt` too. */
const sourceSchema = z.union([
  z.strictObject({ service: serviceRefSchema, ...token }),
  z.strictObject({
    cell: z.union([z.literal('same'), nameSchema]).describe('A cell, or "same": that of the target.'),
    ...token,
  }),
  z.strictObject({ eachCell: nameSchema.describe('The service of this name in each cell.'), ...token }),
  z.strictObject({ spiffeId: spiffeIdSchema, ...token }),
  z.strictObject({ prefix: spiffePrefixSchema.describe('Begins with a SPIFFE ID and ends in "/".'), ...token }),
  z.strictObject({ trustDomain: trustDomainSchema, ...token }),
  z.strictObject({ authenticated: z.literal(true).describe('Callers with any identity of the mesh.'), ...token }),
  z.strictObject({ anonymous: z.literal(true).describe('Callers without an identity of the mesh.') }),
  z.strictObject({
    jwt: tokenSchema.describe(
      'Alone: callers without an identity of the mesh that send a token of this issuer. Permissive HTTP services only.',
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
