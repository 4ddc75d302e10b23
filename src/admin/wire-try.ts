// What is asked of a change before it is made: how certain calls would be decided.
import { z } from 'zod';
import { diffBodySchema } from './wire.ts';
import { explainQuerySchema } from './wire-explain.ts';
import { sourceSchema } from './wire-place.ts';

export const tryBodySchema = diffBodySchema.extend({
  calls: z.array(explainQuerySchema).min(1).max(50).describe('As `GET /v1/explain` takes them.'),
});

const outcomeSchema = z.object({
  decision: z.enum(['allowed', 'denied', 'unknown']).describe('`unknown`: it cannot be said; `reason` says why.'),
  reason: z.string(),
  document: z.string().exactOptional().describe('Which decides.'),
  source: sourceSchema.exactOptional(),
});

export const triedSchema = z.object({
  revision: z.int().describe('Of what is in force.'),
  calls: z
    .array(z.object({ before: outcomeSchema, after: outcomeSchema }))
    .describe('In the order in which they were asked: as it is in force, and with the change.'),
});

export type TriedAnswer = z.output<typeof triedSchema>;
export type TriedOutcome = z.output<typeof outcomeSchema>;
