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
  reason: reasonTextSchema,
});
export const tokenAnswerSchema = z.object({ token: z.string(), spiffeId: z.string(), expiresAt: z.number() });

export type RotateAnswer = z.output<typeof rotateAnswerSchema>;
export type TokenBody = z.input<typeof tokenBodySchema>;
export type TokenAnswer = z.output<typeof tokenAnswerSchema>;
