// What a proxy was sent, as the admin API answers it.
import { z } from 'zod';
import { placeSchema } from './wire-place.ts';

export const sentQuerySchema = z.strictObject({
  proxy: z.string().min(1).max(2048).describe('A proxy as `status` names it; `spiffe://` may be left out.'),
});

export const sentSchema = z.object({
  node: z.string(),
  revision: z.int().describe('Of the documents, when what it is sent changed last.'),
  resources: z.array(
    z.object({
      typeUrl: z.string(),
      name: z.string(),
      version: z.string().describe('Of the content: another line in a file changes nothing of it.'),
      madeBy: z.array(placeSchema).describe('The documents; what is likely to be at fault first.'),
      message: z.unknown().describe("As JSON, with Envoy's names of fields; what is secret is `[redacted]`."),
    }),
  ),
});

export type SentAnswer = z.output<typeof sentSchema>;
