// Whom attestors believe: a file of `serve --attestors`, not documents, or whoever may edit policy could have any issuer's word taken.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { CellwallError } from '../../lib/errors.ts';
import type { Problem } from '../../model/problem.ts';
import { schemaProblems } from '../../model/schema-problems.ts';
import { readYaml } from '../../model/yaml/read-yaml.ts';
import { nearest } from '../../model/yaml/source-tree.ts';

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
  const yaml = readYaml(readText(file), file);
  if (yaml.kind === 'invalid') throw refused(file, yaml.problems[0]);
  const [only, second] = yaml.documents;
  if (second !== undefined) {
    throw refused(file, { message: 'a second document begins here', source: second.sourceAt(second.tree.offset) });
  }
  if (only === undefined) return {};
  const { tree, sourceAt } = only;
  const result = attestorOptionsSchema.safeParse(tree.value, { error: () => '' });
  if (result.success) return result.data;
  const problems = schemaProblems(attestorOptionsSchema, tree.value, result.error.issues);
  // A misspelt field is often also one that is missing.
  const problem = problems.find(({ code }) => code === 'unknown-field') ?? problems[0];
  if (problem === undefined) throw refused(file, undefined);
  const { node, whole } = nearest(tree, problem.path);
  throw refused(file, { ...problem, source: sourceAt(problem.at === 'key' && whole ? node.keyOffset : node.offset) });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw refused(file, { message: cause instanceof Error ? cause.message : String(cause) });
  }
}

type Fault = Pick<Problem, 'message'> & Partial<Pick<Problem, 'hint' | 'source'>>;

function refused(file: string, { message, hint, source }: Fault = { message: 'not valid' }): CellwallError {
  const at = source === undefined ? file : `${file}:${source.line}:${source.column}`;
  const page = 'see docs/identities.md, "Attestors"';
  return new CellwallError('invalid_argument', `--attestors: ${at}: ${message}`, {
    hint: hint === undefined ? page : `${hint}; ${page}`,
  });
}
