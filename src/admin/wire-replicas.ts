// The wire format of replicas: control planes that share a store.
import { z } from 'zod';

export const replicasSchema = z
  .array(
    z.object({
      id: z.string(),
      alive: z.boolean().describe('It was heard within the last seconds.'),
      self: z.boolean().describe('The one that answers.'),
      host: z.string().exactOptional(),
      version: z.string().exactOptional(),
      startedAt: z.number().exactOptional(),
      revision: z.int().exactOptional().describe('Of the documents that it has.'),
    }),
  )
  .readonly()
  .optional()
  .describe('Control planes that share the store. Absent: nobody else can use it.');

export type ReplicaRow = NonNullable<z.output<typeof replicasSchema>>[number];

/** Of a proxy: which of them. */
export const replicaSchema = z
  .string()
  .optional()
  .describe('The control plane that has its stream, or had it last. Absent: there is only one.');
