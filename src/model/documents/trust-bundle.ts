// TrustBundle: a foreign trust domain, and where its roots come from. Alone it lets nobody in: policies do, by naming its identities.
import { z } from 'zod';
import { spiffeIdSchema, trustDomainSchema } from '../spiffe-id.ts';
import { apiVersionSchema, globalMetadataSchema } from './common.ts';
import type { DocumentKind } from './kind.ts';

/** SPIFFE Federation §5.2.1: `https`, and no user name or password in it. */
const urlSchema = z
  .string()
  .max(2048)
  .regex(
    /^https:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(\?[^\s#]*)?$/,
    {
      error: 'not an https URL without user name and fragment, as in "https://spire.example.com:8443"',
    },
  )
  .refine((text) => URL.canParse(text), { error: 'not a URL' });

const endpointSchema = z.discriminatedUnion('profile', [
  z.strictObject({
    profile: z.literal('https_web'),
    url: urlSchema,
    certificates: z
      .string()
      .max(65_536)
      .optional()
      .describe(
        "PEM of the CA certificates that the endpoint's certificate leads to. Default: those that Node trusts.",
      ),
  }),
  z.strictObject({
    profile: z.literal('https_spiffe'),
    url: urlSchema,
    spiffeId: spiffeIdSchema.describe(
      'Whom the endpoint must prove to be, by an X.509-SVID of its own trust domain. Needs `bundle`, to begin with.',
    ),
  }),
]);

export const trustBundleSchema = z.strictObject({
  apiVersion: apiVersionSchema,
  kind: z.literal('TrustBundle'),
  metadata: globalMetadataSchema,
  spec: z.strictObject({
    trustDomain: trustDomainSchema.describe('Whose roots these are. Never the trust domain of the Mesh.'),
    bundle: z
      .string()
      .min(1)
      .max(262_144)
      .optional()
      .describe(
        'Its roots: PEM certificates, or a SPIFFE bundle (JSON). With `endpoint`, the roots to begin with: what was ' +
          'fetched takes their place.',
      ),
    endpoint: endpointSchema.optional().describe('Where later bundles are fetched from.'),
  }),
});

export type TrustBundleDocument = z.output<typeof trustBundleSchema>;

export const trustBundleKind = {
  schema: trustBundleSchema,
  purpose: 'A foreign trust domain, whose identities policies may name (docs/federation.md).',
} as const satisfies DocumentKind;
