// What a proxy was sent, as the admin API answers it.
import { z } from 'zod';
import { placeSchema } from './wire-place.ts';

export const sentQuerySchema = z.strictObject({
  proxy: z.string().min(1).max(2048).describe('Name of the proxy, as in `status`; `spiffe://` may be omitted.'),
});

export const sentSchema = z.object({
  node: z.string(),
  revision: z.int().describe('Revision of the documents when what it is sent last changed.'),
  resources: z.array(
    z.object({
      typeUrl: z.string(),
      name: z.string(),
      version: z.string().describe('Depends only on the content, not on line numbers in files.'),
      madeBy: z.array(placeSchema).describe('The documents that produced it, the most likely culprit first.'),
      message: z.unknown().describe("As JSON, with Envoy's field names; secrets read `[redacted]`."),
    }),
  ),
});

export type SentAnswer = z.output<typeof sentSchema>;
