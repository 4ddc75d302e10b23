// What control planes tell each other of who holds up a rotation, as it is read from the store that they share.
import { z } from 'zod';
import { type FoundHoldUp, holdUpKinds } from './hold-up.ts';
import type { RotationLook } from './rotate-root.ts';

const holdUpSchema = z.object({
  kind: z.enum(holdUpKinds),
  who: z.string(),
  why: z.string(),
  nodeKey: z.string().exactOptional(),
});
const lookSchema = z.object({
  version: z.int(),
  holdUps: z.array(holdUpSchema.omit({ nodeKey: true }).extend({ since: z.number() })),
  held: z.int(),
  trouble: z.string().exactOptional(),
  cells: z
    .array(
      z.object({
        cell: z.string(),
        state: z.enum(['done', 'held', 'silent', 'away', 'unable']),
        held: z.int().exactOptional(),
      }),
    )
    .exactOptional(),
});

/** Undefined: it is none. */
export function readFoundHoldUp(value: unknown): FoundHoldUp | undefined {
  return holdUpSchema.safeParse(value).data;
}

/** Undefined: it is none. */
export function readLook(value: unknown): RotationLook | undefined {
  return lookSchema.safeParse(value).data;
}
