// Whom attestors believe: a file of `serve --attestors`, not documents, or whoever may edit policy could have any issuer's word taken.
import { z } from 'zod';
import { readOptionsFile } from '../../model/options-file.ts';

const notHttps = 'not an https address';
const httpsUrl = z.url({ protocol: /^https$/, error: notHttps });

const keysSchema = z
  .union([
    z.strictObject({ file: z.string().min(1) }),
    z.strictObject({ url: httpsUrl, caFile: z.string().optional() }),
  ])
  .describe('A JWK Set: a file, which is read again when it changes, or an https address, which is fetched again.');

const issuerSchema = z.strictObject({
  issuer: z.string().min(1).max(1024).describe('Exactly as in `iss`.'),
  audience: z.string().min(1).max(1024).describe('One that tokens for this control plane have, and others do not.'),
  keys: keysSchema,
});

const gitlabSchema = z.strictObject({
  name: z.string().min(1).max(253).describe('The value of `instance`.'),
  issuer: z
    .url({ protocol: /^https$/, error: notHttps })
    .max(1024)
    .describe("The instance's address, exactly as in `iss`: https://gitlab.com."),
  audience: issuerSchema.shape.audience,
  keys: keysSchema.optional().describe('Default: found by the discovery document of the issuer.'),
  caFile: z.string().min(1).optional().describe("PEM file of the CA of the issuer's address. Default: the system's."),
});

const reviewSchema = z
  .strictObject({
    url: httpsUrl.describe('Of the API server.'),
    caFile: z.string().min(1).describe('PEM file: only a server with a certificate of these is asked.'),
    tokenFile: z.string().min(1).describe('Of an account that may create TokenReviews; read at each question.'),
  })
  .describe('An API server that is asked about each token.');

const clusterSchema = issuerSchema
  .extend({ name: z.string().min(1).max(253), keys: keysSchema.optional(), review: reviewSchema.optional() })
  .refine(({ keys, review }) => (keys === undefined) !== (review === undefined), {
    message: 'needs either keys or review',
  });

export const attestorOptionsSchema = z.strictObject({
  'x509-pop': z
    .strictObject({ authorities: z.string().min(1).describe('PEM file of the CAs whose certificates are believed.') })
    .optional(),
  kubernetes: z
    .strictObject({
      clusters: z.array(clusterSchema).min(1).max(100),
    })
    .optional(),
  'gcp-instance': issuerSchema
    .extend({ issuer: z.string().default('https://accounts.google.com') })
    .extend({ keys: keysSchema.default({ url: 'https://www.googleapis.com/oauth2/v3/certs' }) })
    .optional(),
  'gitlab-id-token': z
    .strictObject({
      instances: z
        .array(gitlabSchema)
        .min(1)
        .max(100)
        .refine((all) => areDistinct(all.map(({ name }) => name)), { error: 'two instances have one name' })
        .refine((all) => areDistinct(all.map(({ issuer }) => issuer)), { error: 'two instances have one issuer' }),
    })
    .optional(),
  'aws-instance': z
    .strictObject({
      certificates: z.string().min(1).describe('PEM file of the certificates that AWS publishes for its regions.'),
      accounts: z
        .array(z.string().regex(/^\d{12}$/))
        .min(1)
        .max(1000),
    })
    .optional(),
});

export type AttestorOptions = z.output<typeof attestorOptionsSchema>;
/** Of tokens: where the keys of their issuer are. */
export type KeysSource =
  | z.output<typeof keysSchema>
  /** Wherever the issuer's discovery document says, at the issuer's own address. */
  | { readonly issuer: string; readonly caFile?: string | undefined };

function areDistinct(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}

/** Whom a cluster's tokens are shown to: `keys` or `review`, never both. */
export type ClusterOptions = z.output<typeof clusterSchema>;
export type ReviewSource = z.output<typeof reviewSchema>;

/** Throws `invalid_argument` with file, line, column and reason. */
export function readAttestorOptions(file: string): AttestorOptions {
  const page = 'docs/identities.md, "Attestors"';
  return readOptionsFile({ file, schema: attestorOptionsSchema, empty: {}, flag: '--attestors', page });
}
