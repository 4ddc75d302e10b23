// What the admin API answers about the places where the trust bundle is published.
import { z } from 'zod';

export const publisherSchema = z.object({
  name: z.string().describe('`KIND:PLACE`, as `--publish` has it.'),
  sequence: z.int().exactOptional().describe('Of the bundle that is there, as far as is known.'),
  publishedAt: z.number().exactOptional().describe('Absent: it was there when the control plane started.'),
  confirmed: z.boolean().describe('The bundle in force was read back there, and nothing has failed since.'),
  confirmedAt: z.number().exactOptional().describe('When a bundle was last read back that was in force then.'),
  error: z
    .object({ message: z.string(), hint: z.string().exactOptional(), at: z.number() })
    .exactOptional()
    .describe('Why it is not confirmed.'),
  failures: z.int().describe('Attempts that failed since the start.'),
  drifts: z.int().describe('How often somebody else had changed what was there; it was put right.'),
  driftedAt: z.number().exactOptional(),
});

export type PublisherAnswer = z.output<typeof publisherSchema>;
