// What becomes of documents and of who may change them: events of the audit log.
import { z } from 'zod';
import { author, reason, texts } from './fields.ts';

const gate = {
  author,
  services: texts,
  reasons: texts.describe("The gate's."),
  reason,
};

export const changeEvents = [
  z
    .object({
      kind: z.literal('documents-applied'),
      author,
      revision: z.number(),
      changed: texts,
      urgent: z.boolean(),
      reason,
      whileAway: z.literal(true).exactOptional().describe('Found at a start: it was changed while nobody served.'),
    })
    .describe('Documents came into force.'),
  z
    .object({ kind: z.literal('cut-over-forced'), ...gate })
    .describe("A service was made strict despite the gate's reasons. Written before the change."),
  z
    .object({ kind: z.literal('cut-over-warned'), ...gate })
    .describe(
      'A service was made strict although some callers were not ready; they had been waited for long enough. Written before the change.',
    ),
  z
    .object({ kind: z.literal('change-confirmed'), author, codes: texts, reasons: texts, reason })
    .describe(
      'A change beyond the limits, or one that was held for another reason, was confirmed. Written before the change.',
    ),
  z
    .object({ kind: z.literal('rolled-back'), author, to: z.number(), revision: z.number(), reason })
    .describe('An earlier revision came into force again, as a new one.'),
  z
    .object({
      kind: z.literal('change-waits'),
      author,
      rev: z.string().describe('Bound to its bytes, and to the reasons.'),
      keys: texts,
      reasons: texts.describe('Why it waits.'),
    })
    .describe("A change was not made: it waits for somebody's approval."),
  z
    .object({
      kind: z.literal('change-approved'),
      author,
      by: z.string(),
      revs: texts,
      revision: z.number(),
      keys: texts,
      reason,
    })
    .describe('`author` approved what `by` had written. The change itself has a record of its own.'),
  z
    .object({ kind: z.literal('change-rejected'), author, by: z.string(), revs: texts, keys: texts, reason })
    .describe('`author` rejected what `by` had written: it is gone.'),
  z
    .object({ kind: z.literal('store-refused'), code: z.string(), reason: z.string(), keys: texts })
    .describe(
      'The content of a shared store is not put in force: what counts as accepted was not written by one of our control planes, or ' +
        'is older than what was seen (once a minute for each code); or a document that somebody wrote there directly is not valid ' +
        '(`reason` has its line; at most 50 a minute).',
    ),
  z
    .object({ kind: z.literal('direct-edit-superseded'), author, keys: texts })
    .describe(
      'Documents that somebody had written into a shared store directly, and that were not in force, were written over by an apply.',
    ),
  z
    .object({ kind: z.literal('store-sealed'), revision: z.number() })
    .describe('What an earlier version had sealed carries the present seal from now on: nothing of it changed.'),
  z
    .object({ kind: z.literal('store-restored'), documents: z.boolean(), entries: z.number(), tables: texts })
    .describe('A shared store had lost documents, or entries of tables; they were written again as they were.'),
  z
    .object({
      kind: z.literal('last-good-started'),
      why: z.string(),
      revision: z.number().exactOptional().describe('Of the last good state. Absent: none is kept.'),
    })
    .describe(
      'At a start: not the documents that were last in force are in force, because the process died under them again and again, or ' +
        'because they are damaged on disk.',
    ),
] as const;
