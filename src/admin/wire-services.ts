// What the admin API answers of services.
import { z } from 'zod';
import { sourceSchema } from './wire.ts';
import { reasonSchema } from './wire-record.ts';

export const servicesSchema = z.object({
  revision: z.int(),
  services: z.array(
    z.object({
      service: z.string().describe('`cell/name` or `name`.'),
      spiffeId: z.string(),
      mtls: z.enum(['permissive', 'strict']),
      source: sourceSchema,
      cutOver: z
        .object({
          ready: z.boolean().describe('The gate would let it become strict.'),
          windowMs: z.number().describe('How far back was looked.'),
          reasons: z.array(reasonSchema).describe('At most 100.'),
        })
        .exactOptional()
        .describe('Of a permissive service; absent while the control plane starts.'),
    }),
  ),
});

export type ServicesAnswer = z.output<typeof servicesSchema>;
