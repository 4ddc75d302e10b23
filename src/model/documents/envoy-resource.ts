// EnvoyResource: any xDS resource in Envoy's own form, or a patch of a generated one, for a selection of proxies.
import { z } from 'zod';
import { spiffeIdSchema } from '../spiffe-id.ts';
import { apiVersionSchema, scopedMetadataSchema, serviceRefSchema } from './common.ts';
import type { DocumentKind } from './kind.ts';

/** Short names would leave open which version is meant. */
const typeUrlSchema = z.string().regex(/^type\.googleapis\.com\/envoy\.[a-z0-9_.]+\.v3\.[A-Za-z]+$/, {
  error: 'not a type URL of Envoy, as in "type.googleapis.com/envoy.config.listener.v3.Listener"',
});

const selectorSchema = z
  .strictObject({
    services: z.array(serviceRefSchema).min(1).optional(),
    identities: z.array(spiffeIdSchema).min(1).optional(),
    all: z.literal(true).optional(),
  })
  .describe('The proxies that it applies to: those of any of these services or identities, or all.');

const version = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, { error: 'not a version: letters, digits, ".", "_" and "-", 64 at most' })
  .optional()
  .describe('Sent as the version of the resource, for tests. Default: a hash of its content.');

const bodySchema = z.record(z.string(), z.unknown());
const named = { typeUrl: typeUrlSchema, name: z.string().min(1).max(512).describe('Name of the resource.') };

export const envoyResourceSchema = z.strictObject({
  apiVersion: apiVersionSchema,
  kind: z.literal('EnvoyResource'),
  metadata: scopedMetadataSchema,
  spec: z.union([
    z.strictObject({
      selector: selectorSchema,
      resource: bodySchema.describe('The Envoy resource as protobuf JSON, with its @type.'),
      version,
    }),
    z.strictObject({
      selector: selectorSchema,
      patch: z.discriminatedUnion('operation', [
        z.strictObject({
          operation: z.literal('merge'),
          ...named,
          value: bodySchema.describe(
            'Merged into the resource: mappings field by field; lists and values are replaced, fields that are null removed.',
          ),
        }),
        z.strictObject({ operation: z.literal('remove'), ...named }),
      ]),
      version,
    }),
  ]),
});

export type EnvoyResource = z.output<typeof envoyResourceSchema>;

export const envoyResourceKind = {
  schema: envoyResourceSchema,
  purpose:
    'A raw resource of Envoy, or a patch of one, for a selection of proxies. See [envoy-resources.md](envoy-resources.md).',
} as const satisfies DocumentKind;
