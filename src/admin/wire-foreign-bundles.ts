// What the admin API answers about the bundles of foreign trust domains.
import { z } from 'zod';

export const foreignBundleSchema = z.object({
  trustDomain: z.string(),
  url: z.string().exactOptional().describe('Of its endpoint. Absent: its bundle is the one of its document.'),
  roots: z.int().describe('How many are in force. 0: nobody of that trust domain is accepted.'),
  sequence: z.int().exactOptional().describe('Of the bundle in force, if it states one.'),
  fetchedAt: z.number().exactOptional().describe('When it was last had from its endpoint. Absent: never.'),
  failures: z.int().describe('Attempts to fetch it that failed, since the start.'),
  sharesRootWith: z
    .array(z.string())
    .readonly()
    .exactOptional()
    .describe(
      'Other foreign trust domains with a root of the same key: whoever has that key can vouch for all of them.',
    ),
  error: z
    .object({ message: z.string(), at: z.number() })
    .exactOptional()
    .describe('Why it could not be had last time; the known one stays.'),
});

export type ForeignBundleAnswer = z.output<typeof foreignBundleSchema>;
