// What the admin API accepts and answers about its own named tokens, and the reason that every change may give.
import { z } from 'zod';
import { roles } from './caller.ts';

export const reasonTextSchema = z
  .string()
  .min(1)
  .max(500)
  .optional()
  .describe('The reason, for the history and the audit log.');

const nameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, {
    error: 'not a name: a letter, then letters, digits and hyphens, 40 at most, lower case',
  })
  .describe('Name of its holder: the author in the history and the audit log.');

const namedTokenSchema = z.object({
  name: nameSchema,
  role: z.enum(roles),
  rawResources: z.boolean(),
  createdAt: z.number(),
  expiresAt: z.number(),
  author: z.string().describe('Who created it.'),
});

export const namedTokenBodySchema = z.strictObject({
  name: nameSchema,
  role: z.enum(roles),
  rawResources: z
    .boolean()
    .default(false)
    .describe('Grants the right to change EnvoyResource documents, which only somebody who has it can grant.'),
  ttl: z.string().max(16).default('90d').describe('How long it is valid, as in "90d"; at most 366d.'),
  reason: reasonTextSchema,
});
export const namedTokenAnswerSchema = namedTokenSchema.extend({
  token: z.string().describe('Returned only this once.'),
});
export const namedTokensSchema = z.object({ tokens: z.array(namedTokenSchema) });
export const revokeTokenBodySchema = z.strictObject({ name: nameSchema, reason: reasonTextSchema });
export const revokeTokenAnswerSchema = z.object({ revoked: z.string() });

export type NamedTokenBody = z.input<typeof namedTokenBodySchema>;
export type NamedTokenAnswer = z.output<typeof namedTokenAnswerSchema>;
export type NamedTokensAnswer = z.output<typeof namedTokensSchema>;
export type RevokeTokenAnswer = z.output<typeof revokeTokenAnswerSchema>;
