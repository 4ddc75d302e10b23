// What the admin API accepts and answers about join tokens and the renewal of certificates.
import { z } from 'zod';
import { reasonTextSchema } from './wire-access.ts';

export const rotateBodySchema = z.strictObject({
  selector: z
    .string()
    .max(2048)
    .optional()
    .describe('A SPIFFE ID, or a service reference. Absent: all pushed certificates.'),
  reason: reasonTextSchema,
});
export const rotateAnswerSchema = z.object({
  rotated: z.int(),
  silent: z
    .array(z.string())
    .optional()
    .describe(
      'Control planes that share the store and did not say in time whether they renewed those of their proxies.',
    ),
});

export const tokenBodySchema = z.strictObject({
  service: z.string().max(128).optional().describe('A service reference: `cell/name` or `name`.'),
  spiffeId: z.string().max(2048).optional(),
  ttl: z.string().max(16).default('10m').describe('How long it can be redeemed, as in "10m"; at most 24h.'),
  uses: z.int().min(1).max(1000).default(1).describe('How many hosts may redeem it.'),
  reason: reasonTextSchema,
});
const tokenIdSchema = z.string().describe('Its name, in lists and to revoke it; it reveals nothing of the token.');
export const tokenAnswerSchema = z.object({
  token: z.string(),
  spiffeId: z.string(),
  expiresAt: z.number(),
  id: tokenIdSchema,
});

export const knownTokenSchema = z.object({
  id: tokenIdSchema,
  spiffeId: z.string(),
  createdAt: z.number().describe('0 if that is not known.'),
  expiresAt: z.number(),
  uses: z.int(),
  used: z.int().describe('By how many hosts it was redeemed.'),
  author: z.string().exactOptional(),
});
export const tokensSchema = z.object({ tokens: z.array(knownTokenSchema).describe('Those that have not ended.') });
export const revokeJoinTokenBodySchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{12,64}$/),
  reason: reasonTextSchema,
});

export type RotateAnswer = z.output<typeof rotateAnswerSchema>;
export type TokenBody = z.input<typeof tokenBodySchema>;
export type TokensAnswer = z.output<typeof tokensSchema>;
export type KnownTokenAnswer = z.output<typeof knownTokenSchema>;
export type TokenAnswer = z.output<typeof tokenAnswerSchema>;
