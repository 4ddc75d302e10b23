// Places in the documents, and what was made there and rejected, as the admin API reports them.
import { z } from 'zod';
import { formatPath } from '../model/field-path.ts';
import type { Place } from '../model/origin.ts';
import type { RejectedResource } from '../registry/proxy-status.ts';

export const sourceSchema = z.object({
  file: z.string(),
  line: z.int().describe('Starts at 1.'),
  column: z.int().describe('Starts at 1.'),
});

export const placeSchema = z
  .object({
    document: z.string().describe('Key of the document.'),
    path: z.string().describe('Which part of the document, as in `spec.rules[0]`; empty for the whole document.'),
    source: sourceSchema.describe('For a document without a file (applied by API), `file` is its key.'),
  })
  .describe('The document that produced it.');

export const rejectedSchema = z
  .array(z.object({ name: z.string(), madeBy: z.array(placeSchema) }))
  .describe(
    'The resources that it names, or else all that were new to the proxy; 20 at most, each with its first 20 documents.',
  );

export function wirePlace({ document, path, source }: Place): z.output<typeof placeSchema> {
  return { document, path: formatPath(path), source };
}

export function wireRejected(resources: readonly RejectedResource[]): z.output<typeof rejectedSchema> {
  return resources.map(({ name, madeBy }) => ({ name, madeBy: madeBy.map(wirePlace) }));
}
