// What the admin API accepts and answers about changes that wait for approval.
import { z } from 'zod';
import { applyBodySchema, differenceSchema } from './wire.ts';
import { reasonTextSchema } from './wire-access.ts';

const revsSchema = z
  .array(z.string().min(1).max(64))
  .min(1)
  .max(500)
  .describe('Names of what waits; each is bound to the exact texts and reasons. `all` of the list names all of it.');

export const waitingSchema = z.object({
  revision: z.int(),
  all: z.string().exactOptional().describe('Names everything that is listed. Absent if nothing waits.'),
  waiting: z.array(
    z.object({
      rev: z.string(),
      origin: z
        .enum(['direct', 'held'])
        .describe('`direct`: written into the store itself. `held`: an apply that was not made at once.'),
      author: z.string(),
      since: z.number(),
      reasons: z.array(z.string()).describe('Why it waits.'),
      changes: z.array(differenceSchema),
    }),
  ),
});

export const approveBodySchema = applyBodySchema
  .pick({ dryRun: true, since: true, ignoreAddresses: true, force: true, reason: true })
  .extend({ revs: revsSchema });

export const rejectBodySchema = z.strictObject({ revs: revsSchema, reason: reasonTextSchema });
export const rejectAnswerSchema = z.object({ rejected: z.array(z.string()), keys: z.array(z.string()) });

export type WaitingAnswer = z.output<typeof waitingSchema>;
export type ApproveBody = z.input<typeof approveBodySchema>;
export type RejectBody = z.input<typeof rejectBodySchema>;
export type RejectAnswer = z.output<typeof rejectAnswerSchema>;
