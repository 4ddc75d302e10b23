// What the admin API answers about the fetched keys of issuers of tokens.
import { z } from 'zod';

export const issuerKeysSchema = z.object({
  issuer: z.string().describe('Its name in `jwtIssuers`.'),
  url: z.string(),
  keys: z.int().describe('How many are in force. 0: no token of this issuer is valid.'),
  fetchedAt: z.number().exactOptional().describe('When they were last had from there. Absent: not since the start.'),
  error: z
    .object({ message: z.string(), at: z.number() })
    .exactOptional()
    .describe('Why they could not be had last time; the known ones stay.'),
});

export type IssuerKeysAnswer = z.output<typeof issuerKeysSchema>;
