// What the admin API answers about the places where the trust bundle is published.
import { z } from 'zod';

export const publisherSchema = z.object({
  name: z.string().describe('`KIND:PLACE`, as given to `--publish`.'),
  sequence: z.int().exactOptional().describe('Sequence of the bundle that is there, as far as known.'),
  publishedAt: z
    .number()
    .exactOptional()
    .describe('When it was published. Absent: it was already there when the control plane started.'),
  confirmed: z.boolean().describe('The bundle in force was read back there, and nothing has failed since.'),
  confirmedAt: z.number().exactOptional().describe('When the bundle in force at the time was last read back.'),
  error: z
    .object({ message: z.string(), hint: z.string().exactOptional(), at: z.number() })
    .exactOptional()
    .describe('Why it is not confirmed.'),
  failures: z.int().describe('Attempts that failed since the start.'),
  drifts: z.int().describe('How often somebody else had changed what was there; each time it was published again.'),
  driftedAt: z.number().exactOptional(),
});

export type PublisherAnswer = z.output<typeof publisherSchema>;
