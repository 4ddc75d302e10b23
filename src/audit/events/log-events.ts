// What the audit log says of itself.
import { z } from 'zod';
import { isoTime, texts } from './fields.ts';

export const logEvents = [
  z
    .object({
      kind: z.literal('checkpoint'),
      log: z.string().describe('The id of the log.'),
      number: z.number().describe('The record before this one.'),
      hash: z.string().describe('Its hash.'),
      at: isoTime,
      protected: z
        .string()
        .exactOptional()
        .describe('The header of a JWS, with the certificates of its key. Absent: that of the checkpoint before.'),
      signature: z.string().describe('Of that JWS, whose payload is `{"log":…,"number":…,"hash":…,"at":…}`.'),
    })
    .describe('Everything up to the record before is vouched for by a key that the CA certified.'),
  z
    .object({ kind: z.literal('records-lost'), count: z.number(), kinds: texts, since: isoTime, reason: z.string() })
    .describe('Events that nobody waited for, and that could not be written.'),
  z
    .object({ kind: z.literal('log-cut'), found: z.number(), expected: z.number() })
    .describe('At a start: the log did not end with the record that it had ended with.'),
  z
    .object({ kind: z.literal('checkpoint-missing'), found: z.number() })
    .describe(
      "At a start: the log's last record was not known, as with a new state database. Records before this one may be missing.",
    ),
] as const;
