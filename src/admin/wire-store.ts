// What `status` says about the store: whether it can be reached, and to which states one could go back.
import { z } from 'zod';

const provenSchema = z.object({
  revision: z.int(),
  provenAt: z.number().describe('Since when it counts as good.'),
});

const fallbackSchema = z.object({
  kind: z
    .enum(['crash-loop', 'damaged'])
    .describe('The process died again and again under what was in force; or that is damaged on disk.'),
  revision: z.int().exactOptional().describe('Of the last good state; absent if none is kept.'),
});

export const storeSchemas = {
  waiting: z.int().exactOptional().describe('How many changes wait for approval. Absent: none.'),
  storeTrouble: z
    .object({ kind: z.enum(['away', 'read-only']), since: z.number(), reason: z.string() })
    .exactOptional()
    .describe('`away`: what is in force may be stale. In both cases changes are refused. Absent: all is well.'),
  lastGood: z
    .object({ kept: z.array(provenSchema), fallback: fallbackSchema.exactOptional() })
    .exactOptional()
    .describe(
      'States that were in force for a while without a rejection, the newest first. `fallback`: what is in force is not what ' +
        'was so last.',
    ),
};
