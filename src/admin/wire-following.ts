// What `status` says between a cell's own control plane and its parent, at either end.
import { z } from 'zod';

export const followingSchemas = {
  parent: z
    .object({
      parent: z.string().describe('Its identity APIs, as given to `--parent`.'),
      connected: z.boolean(),
      since: z.number().describe('Since when it is connected, or not.'),
      heardAt: z.number().exactOptional().describe('Its last sign of life. Absent: none since the start.'),
      version: z.string().exactOptional().describe("Of the parent's program."),
      revision: z
        .int()
        .exactOptional()
        .describe("Of the parent's documents, as it said last. Absent: not since the start."),
      inForce: z.int().exactOptional().describe("The parent's revision that is in force here."),
      replaced: z
        .object({
          count: z.int(),
          last: z.object({ at: z.number(), documents: z.array(z.string()).readonly() }).exactOptional(),
        })
        .describe("Documents that were changed here, and replaced by the parent's version, since the start."),
    })
    .exactOptional()
    .describe('The control plane that this one follows. Absent: none.'),
  followers: z
    .array(
      z.object({
        cell: z.string(),
        address: z.string(),
        since: z.number(),
        revision: z.int().exactOptional().describe('That it was sent last.'),
        takesPart: z
          .boolean()
          .exactOptional()
          .describe('In rotations of the root: one of an earlier version does not, and holds them up.'),
      }),
    )
    .readonly()
    .exactOptional()
    .describe('Control planes of cells that follow this one now. Absent: none.'),
};

const following = z.object(followingSchemas);
export type ParentAnswer = NonNullable<z.output<typeof following>['parent']>;
export type FollowerAnswer = NonNullable<z.output<typeof following>['followers']>[number];
