// What the admin API accepts and answers, as schemas: they validate requests, generate the OpenAPI document, and give the types that the
// client and the command line use. Times are milliseconds since the epoch.
import { z } from 'zod';
import { runningOutSchema } from './running-out.ts';
import { reasonTextSchema } from './wire-access.ts';
import { banStatusSchema } from './wire-bans.ts';
import { rotationSchema } from './wire-ca.ts';
import { missingCredentialSchema } from './wire-credentials.ts';
import type { explainQuerySchema, explanationSchema } from './wire-explain.ts';
import { followingSchemas } from './wire-following.ts';
import { foreignBundleSchema } from './wire-foreign-bundles.ts';
import { issuerKeysSchema } from './wire-issuer-keys.ts';
import { sourceSchema } from './wire-place.ts';
import { publisherSchema } from './wire-publishers.ts';
import { reasonSchema, type trafficCountSchema, type trafficSchema } from './wire-record.ts';
import { replicasSchema } from './wire-replicas.ts';
import { storeSchemas } from './wire-store.ts';

const problemSchema = z.object({
  severity: z.enum(['error', 'warning']),
  code: z.string().describe('Stable, kebab-case.'),
  message: z.string(),
  hint: z.string().exactOptional(),
  source: sourceSchema,
  path: z.string().exactOptional(),
});

export const errorSchema = z.object({
  code: z.string().describe("One of gRPC's canonical codes in snake_case, or `invalid_documents`."),
  message: z.string(),
  hint: z.string().optional(),
  problems: z
    .array(problemSchema)
    .optional()
    .describe('Why documents are invalid (`invalid_documents`), or held until confirmed (`failed_precondition`).'),
  reasons: z.array(reasonSchema).optional().describe('Why the gate refuses to make services strict.'),
});

const documentSchema = z.object({
  key: z.string().describe('`Kind/name` or `Kind/cell/name`.'),
  kind: z.string(),
  text: z.string().describe('YAML, comments included.'),
  source: sourceSchema,
});

export const documentsSchema = z.object({ revision: z.int(), documents: z.array(documentSchema) });
export const documentAnswerSchema = documentSchema.extend({ revision: z.int() });
export const documentsQuerySchema = z.strictObject({ kind: z.string().max(64).optional() });
export const documentParamsSchema = z.object({ '*': z.string().min(1).max(256) });

const keySchema = z.string().min(3).max(256);

/** A change as the store accepts it, or whole files as an operator has them. */
export const applyBodySchema = z.strictObject({
  changes: z
    .array(
      z.discriminatedUnion('op', [
        z.strictObject({ op: z.literal('put'), key: keySchema, text: z.string() }),
        z.strictObject({ op: z.literal('delete'), key: keySchema }),
      ]),
    )
    .max(10_000)
    .optional(),
  files: z
    .array(z.strictObject({ file: z.string().min(1).max(4096), text: z.string() }))
    .max(10_000)
    .optional()
    .describe('Multi-document YAML; `file` is the name under which problems are reported.'),
  text: z.string().optional().describe('Multi-document YAML.'),
  prune: z
    .boolean()
    .default(false)
    .describe(
      'Also delete every document that is not among these; refused with 409 if others change documents meanwhile.',
    ),
  dryRun: z.boolean().default(false).describe('Report what would happen; change nothing.'),
  urgent: z.boolean().default(false).describe('Send it to the proxies at once, not combined with others.'),
  expectedRevision: z.int().min(0).optional().describe('Refuse with 409 unless this is still the current revision.'),
  since: z
    .string()
    .max(16)
    .optional()
    .describe("How far the gate looks back when a service becomes strict. Default: the mesh's cutOverWindow."),
  ignoreAddresses: z
    .array(z.string().max(64))
    .max(100)
    .optional()
    .describe('Addresses and small networks (10.1.0.0/16) whose attempts without any proof the gate disregards.'),
  force: z.boolean().default(false).describe('Override the reasons of the gate. Written to the audit log.'),
  confirm: z
    .array(z.string().regex(/^[a-z-]{1,40}$/))
    .max(20)
    .optional()
    .describe(
      'Codes of the reasons for which the change is held (412) that are known and meant. Written to the audit log.',
    ),
  reason: reasonTextSchema,
});

export const rollbackBodySchema = applyBodySchema
  .pick({ dryRun: true, since: true, ignoreAddresses: true, force: true, confirm: true, reason: true })
  .extend({ to: z.int().min(0).optional().describe('The revision to go back to. Default: the one before.') });

export const differenceSchema = z.object({
  key: z.string(),
  op: z.enum(['create', 'update', 'delete']),
  before: z.string().optional(),
  after: z.string().optional(),
});

const impactSchema = z
  .object({ newlyDenied: z.int(), newlyAllowed: z.int(), cannotTell: z.int() })
  .describe('How many calls of the last 7 days would be decided differently; POST /v1/simulate lists them.');

export const applyAnswerSchema = z.object({
  kind: z.enum(['applied', 'unchanged', 'dry-run']),
  revision: z.int(),
  changed: z.array(z.string()).describe('Keys of the documents that changed (or would).'),
  deleted: z.array(z.string()).exactOptional().describe('Those of them that are gone (or would be).'),
  restored: z
    .array(z.string())
    .exactOptional()
    .describe(
      'In their place, a text that was refused had been written into the store: what is in force stands there again.',
    ),
  warnings: z.array(problemSchema),
  reasons: z
    .array(reasonSchema)
    .describe('Reasons of the gate against making services strict: those of a dry run, or those that were overridden.'),
  to: z.int().exactOptional().describe('For a rollback: the revision that it goes back to.'),
  held: z
    .array(problemSchema)
    .exactOptional()
    .describe('Of a dry run: why it would be held, unless `confirm` names their codes.'),
  byOthers: z
    .literal(true)
    .exactOptional()
    .describe('With `held`: nobody may confirm their own change; another approves it.'),
  differences: z.array(differenceSchema).exactOptional().describe('Only for a dry run.'),
  impact: impactSchema.exactOptional(),
  traceId: z.string().exactOptional().describe('The trace in which it is recorded; absent if it is not.'),
  receivedAt: z.number().describe('When the whole request had been read; with fractions of a millisecond.'),
  acceptedAt: z.number().describe('When the store had accepted the change; with fractions of a millisecond.'),
});

/** Of JSON Schema, 2020-12. */
export const jsonSchemaSchema = z.record(z.string(), z.unknown());

export const diffBodySchema = applyBodySchema.pick({ changes: true, files: true, text: true, prune: true });

export const simulateBodySchema = diffBodySchema.extend({
  since: z.string().max(16).default('7d').describe('How far to look back, as in "7d".'),
});

export const diffAnswerSchema = z.object({
  kind: z.literal('diff'),
  revision: z.int(),
  differences: z.array(differenceSchema),
  problems: z.array(problemSchema),
  impact: impactSchema.exactOptional(),
});

export const statusSchema = z.object({
  version: z.string(),
  revision: z.int().optional().describe('Absent until documents could be loaded.'),
  trustDomain: z.string().optional(),
  ready: z.boolean(),
  reasons: z.array(z.string()).describe('Why it is not ready.'),
  problems: z.array(problemSchema).describe('Problems of documents that are stored but not in force.'),
  proxies: z.object({ connected: z.int(), held: z.int(), gone: z.int(), rejecting: z.int() }),
  ...{ ...storeSchemas, ...followingSchemas, replicas: replicasSchema, bans: banStatusSchema },
  rotation: rotationSchema.exactOptional().describe('Of the root of the CA. Absent: none is under way.'),
  missingCredentials: z
    .array(missingCredentialSchema)
    .exactOptional()
    .describe('Tokens that applications expect and nobody has given. Absent: none.'),
  runningOut: z
    .array(runningOutSchema)
    .exactOptional()
    .describe('Certificates of CAs, and of this control plane, that end soon. Absent: none.'),
  issuerKeys: z.array(issuerKeysSchema).exactOptional().describe('Keys of issuers of tokens that are fetched.'),
  foreignBundles: z.array(foreignBundleSchema).exactOptional().describe('Of trust domains that documents name.'),
  publishers: z.array(publisherSchema).exactOptional().describe('Where the trust bundle is published.'),
  refusedSvids: z
    .int()
    .exactOptional()
    .describe('How many kinds of requests for an SVID were refused within the last hour. Absent: none.'),
  startedAt: z.number(),
});

export const healthSchema = z.object({ status: z.literal('ok') });
export const readySchema = z.object({
  ready: z.boolean(),
  reasons: z.array(z.string()),
  stale: z.string().exactOptional().describe('Why what it serves may be out of date.'),
});

export type ApplyBody = z.input<typeof applyBodySchema>;
export type ApplyAnswer = z.output<typeof applyAnswerSchema>;
export type RollbackBody = z.input<typeof rollbackBodySchema>;
export type SimulateBody = z.input<typeof simulateBodySchema>;
export type DiffBody = z.input<typeof diffBodySchema>;
export type DiffAnswer = z.output<typeof diffAnswerSchema>;
export type Difference = z.output<typeof differenceSchema>;
export type DocumentsAnswer = z.output<typeof documentsSchema>;
export type DocumentAnswer = z.output<typeof documentAnswerSchema>;
export type StatusAnswer = z.output<typeof statusSchema>;
export type TrafficAnswer = z.output<typeof trafficSchema>;
export type TrafficCount = z.output<typeof trafficCountSchema>;
export type ExplainQuery = z.output<typeof explainQuerySchema>;
export type Explanation = z.output<typeof explanationSchema>;
export type ErrorBody = z.output<typeof errorSchema>;
