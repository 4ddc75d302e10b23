// What the admin API accepts and answers about bans.
import { z } from 'zod';
import { reasonTextSchema } from './wire-access.ts';

const banSchema = z.object({
  target: z.union([
    z.object({ kind: z.literal('identity'), spiffeId: z.string() }),
    z.object({ kind: z.literal('host'), nodeKey: z.string().describe('SHA-256 of the node key, hexadecimal.') }),
  ]),
  spiffeId: z.string().exactOptional().describe('Of a host: the identity that it had.'),
  proxies: z.array(z.string()).exactOptional().describe('Of a host: the names of the proxies that it had.'),
  from: z
    .literal('parent')
    .exactOptional()
    .describe("The parent of this cell's control plane banned it: it is lifted there."),
  author: z.string(),
  reason: z.string().exactOptional(),
  at: z.number(),
  until: z
    .number()
    .describe(
      'Until when proxies have to refuse it: then its last certificate has ended. The control plane goes on. 2^53 - 1: until it is lifted.',
    ),
});

export const bansSchema = z.object({
  bans: z.array(banSchema).describe('The newest first.'),
  waiting: z
    .array(z.string())
    .describe('Proxies that have not accepted yet to refuse all of them, or have no stream: they will once they have.'),
});

const who = {
  identity: z.string().max(2048).exactOptional().describe('A SPIFFE ID, or a service reference.'),
  serial: z
    .string()
    .regex(/^[0-9a-f]{1,64}$/)
    .exactOptional()
    .describe('Of a certificate: the host that it was issued to.'),
  node: z.string().min(12).max(2200).exactOptional().describe('A node key (12 digits or more), or a proxy.'),
};

export const banBodySchema = z.strictObject({ ...who, reason: reasonTextSchema });
export const banAnswerSchema = z.object({
  ban: banSchema,
  proxies: z.array(z.string()).describe('Its proxies, whose streams were closed.'),
});
export const liftAnswerSchema = z.object({ lifted: z.boolean(), ban: banSchema.exactOptional() });

/** In the status. */
export const banStatusSchema = z
  .object({ count: z.int(), waiting: z.array(z.string()) })
  .exactOptional()
  .describe('How many are banned; `waiting`: the proxies that do not refuse all of them yet. Absent: nobody is.');

export type BansAnswer = z.output<typeof bansSchema>;
export type BanBody = z.input<typeof banBodySchema>;
export type BanAnswer = z.output<typeof banAnswerSchema>;
export type LiftAnswer = z.output<typeof liftAnswerSchema>;
