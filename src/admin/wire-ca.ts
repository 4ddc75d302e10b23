// What the admin API accepts and answers about the roots of the CA, and their rotation.
import { z } from 'zod';
import { reasonTextSchema } from './wire-access.ts';

const holdUpSchema = z.object({
  kind: z.enum(['proxy', 'helper', 'certificate', 'caller', 'token', 'publisher', 'replica', 'follower', 'quiet']),
  who: z.string(),
  why: z.string(),
  since: z.number(),
});

export const rotationSchema = z.object({
  id: z.string(),
  phase: z.enum(['prepare', 'publish', 'activate', 'renew', 'taint', 'remove']),
  startedAt: z.number(),
  since: z.number().describe('When this phase began.'),
  by: z.string(),
  reason: z.string().exactOptional(),
  quietMs: z.number(),
  compromised: z.literal(true).exactOptional().describe('No phase waits for longer than a moment.'),
  aborting: z.literal(true).exactOptional().describe('It goes back to the old root.'),
  cut: z.array(z.string()).readonly().exactOptional().describe('Who was left behind so far.'),
  trouble: z.string().exactOptional().describe('Why this phase could not be tried.'),
  atParent: z
    .literal(true)
    .exactOptional()
    .describe('Of the control plane that this one follows: who holds it up is what this one reports.'),
  cells: z
    .array(
      z.object({
        cell: z.string(),
        state: z.enum(['done', 'held', 'silent', 'away', 'unable']),
        held: z.int().exactOptional().describe('How many hold it up there.'),
      }),
    )
    .readonly()
    .exactOptional()
    .describe('Cells with a control plane of their own, and how far each is in this phase.'),
  held: z.int().describe('How many hold it up.'),
  holdUps: z.array(holdUpSchema).readonly().describe('The first of them.'),
});

export const caSchema = z.object({
  notReplaceable: z.string().exactOptional().describe('Why the root is not replaced here.'),
  roots: z
    .array(
      z.object({
        name: z.string().describe("The first 12 characters of its certificate's SHA-256, base64url."),
        state: z.enum(['published', 'active', 'retiring', 'tainted', 'extra']),
        notBefore: z.number(),
        notAfter: z.number(),
      }),
    )
    .readonly(),
  intermediate: z.object({ root: z.string(), notAfter: z.number() }).describe('The one that signs here.'),
  rotation: rotationSchema.exactOptional(),
  last: z
    .object({
      id: z.string(),
      startedAt: z.number(),
      endedAt: z.number(),
      outcome: z.enum(['rotated', 'aborted']),
      cut: z.array(z.string()).readonly(),
    })
    .exactOptional()
    .describe('The rotation before.'),
});

export const rotateRootBodySchema = z.strictObject({
  compromised: z
    .boolean()
    .default(false)
    .describe('Waits for nobody longer than a moment: whoever has not moved is cut off.'),
  quiet: z
    .string()
    .max(16)
    .default('10m')
    .describe('For how long nothing under the old root must have been seen before it is removed.'),
  reason: reasonTextSchema,
});

export const abortRotationBodySchema = z.strictObject({ reason: reasonTextSchema });

export type CaAnswer = z.output<typeof caSchema>;
export type RotateRootBody = z.input<typeof rotateRootBodySchema>;
