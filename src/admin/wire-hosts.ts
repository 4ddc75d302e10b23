// What the admin API accepts and answers about hosts: those that joined, by their node keys.
import { z } from 'zod';
import { reasonTextSchema } from './wire-access.ts';

export const hostsSchema = z.object({
  hosts: z.array(
    z.object({
      nodeKey: z.string().describe('SHA-256 of the node key, hexadecimal.'),
      spiffeId: z.string(),
      seenAt: z.number().describe('When it last joined or renewed; 0 if that is not known.'),
      proxies: z.array(z.string()).describe('Its proxies that are connected or held.'),
    }),
  ),
});

export const hostHistorySchema = z.object({
  history: z
    .array(
      z.object({
        nodeKey: z.string(),
        spiffeId: z.string(),
        attestor: z.string().describe('How it proved itself.'),
        values: z.record(z.string(), z.string()).describe('What it proved.'),
        token: z.string().exactOptional().describe('The join token, by its id.'),
        address: z.string(),
        at: z.number(),
      }),
    )
    .describe('The last eight times of each host, for three months; the newest first. Renewals are not in it.'),
});

export const evictBodySchema = z.strictObject({
  target: z
    .string()
    .min(3)
    .max(2200)
    .describe('A node key (12 digits or more), a proxy, the serial of an SVID, a SPIFFE ID, or a service reference.'),
  reason: reasonTextSchema,
});

export const evictAnswerSchema = z.object({
  nodeKeys: z.array(z.string()),
  proxies: z.array(z.string()).describe('Their proxies that were connected or held.'),
});

export type HostsAnswer = z.output<typeof hostsSchema>;
export type HostHistoryAnswer = z.output<typeof hostHistorySchema>;
export type EvictAnswer = z.output<typeof evictAnswerSchema>;
