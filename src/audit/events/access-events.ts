// Who came to the admin API, and who was turned away there: events of the audit log.
import { z } from 'zod';
import { author, reason } from './fields.ts';

export const accessEvents = [
  z
    .object({
      kind: z.literal('admin-signed-in'),
      author,
      role: z.string(),
      address: z.string(),
      credential: z
        .string()
        .describe('What was shown: a token, a proof of one, a certificate, or a session of the page.'),
    })
    .describe('The first request of a caller from an address; again if it goes on an hour later.'),
  z
    .object({
      kind: z.literal('admin-token-created'),
      author,
      name: z.string(),
      role: z.string(),
      rawResources: z.boolean(),
      expiresAt: z.number(),
      reason,
    })
    .describe('A named token of the admin API.'),
  z
    .object({ kind: z.literal('admin-token-revoked'), author, name: z.string(), reason })
    .describe('It is refused from then on.'),
  z
    .object({
      kind: z.literal('admin-refused'),
      address: z.string(),
      named: z.string().exactOptional().describe('Whose it claimed to be.'),
      failures: z.number(),
    })
    .describe(
      'An unknown token, or one that is no longer valid; or somebody whom a provider of OpenID Connect knows, and who has no ' +
        'role here. At most twice a minute for each address and name.',
    ),
  z
    .object({
      kind: z.literal('admin-denied'),
      author,
      address: z.string(),
      route: z.string(),
      needs: z.string(),
      failures: z.number(),
    })
    .describe('A credential whose role is not sufficient; limited likewise.'),
] as const;
