// `serve --audit-sinks FILE`: where records of the audit log go as well. A file of the process, not a document: otherwise whoever writes
// documents could have the evidence of that go elsewhere.
import { z } from 'zod';
import { isLoopback } from '../lib/loopback.ts';
import { readOptionsFile } from '../model/options-file.ts';

const path = z.string().min(1).max(4096);
const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'up to 63 lower-case letters, digits and hyphens' })
  .optional()
  .describe('In logs and metrics, and of its place in the log. Default: its kind.');

const web = z
  .url({ protocol: /^https?$/, error: 'not an http or https address' })
  .refine((text) => !URL.canParse(text) || (new URL(text).username === '' && new URL(text).password === ''), {
    error: 'an address with a password, which belongs into a file: name it with tokenFile',
  });
const collector = {
  url: web,
  caFile: path.optional().describe("PEM file of the CA of that address. Default: the system's."),
  tokenFile: path.optional().describe('A file with a bearer token for it; read at each request.'),
};
const isGuarded = ({ url, tokenFile }: { readonly url: string; readonly tokenFile?: string | undefined }): boolean =>
  tokenFile === undefined || url.startsWith('https:') || isLoopback(new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'));
const unguarded = { error: 'a token would be sent in plaintext: https is needed' };

const fileSchema = z.strictObject({ kind: z.literal('file'), name, path: path.describe('Appended to; 0600.') });
const stdoutSchema = z.strictObject({ kind: z.literal('stdout'), name });
const redisSchema = z.strictObject({
  ...{ kind: z.literal('redis'), name },
  urlFile: path.describe('A file with its address: redis://user:password@host:6379/0, with TLS rediss://.'),
  stream: z
    .string()
    .min(1)
    .max(256)
    .default('cellwall:audit')
    .describe('The stream is this, a colon, and the id of the log.'),
  maxLength: z.int().min(1000).max(100_000_000).default(1_000_000).describe('About so many records are kept.'),
});
const otlpSchema = z
  .strictObject({ kind: z.literal('otlp'), name, ...collector })
  .describe(
    'OpenTelemetry logs, OTLP over HTTP as JSON: `url` as in http://127.0.0.1:4318; /v1/logs is added unless it is there.',
  )
  .refine(isGuarded, unguarded);
const webhookSchema = z
  .strictObject({ kind: z.literal('webhook'), name, ...collector })
  .describe('A POST with an array of records.')
  .refine(isGuarded, unguarded);

const sinksSchema = z.strictObject({
  sinks: z
    .array(z.discriminatedUnion('kind', [fileSchema, stdoutSchema, redisSchema, otlpSchema, webhookSchema]))
    .max(20)
    .refine((sinks) => new Set(sinks.map(nameOf)).size === sinks.length, { error: 'two sinks have one name' }),
});

export type SinkOptions = z.output<typeof sinksSchema>['sinks'][number];
export type SinkOptionsOf<K extends SinkOptions['kind']> = Extract<SinkOptions, { readonly kind: K }>;

export function nameOf(sink: { readonly kind: string; readonly name?: string | undefined }): string {
  return sink.name ?? sink.kind;
}

/** Throws `invalid_argument` with file, line, column and reason. */
export function readSinks(file: string): readonly SinkOptions[] {
  const page = 'docs/audit.md, "Sinks"';
  return readOptionsFile({ file, schema: sinksSchema, empty: { sinks: [] }, flag: '--audit-sinks', page }).sinks;
}
