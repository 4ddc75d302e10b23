// Durations in documents: a number and a unit, as in `250ms`, `30s`, `15m`, `1h`, `7d`. Milliseconds inside.
import { z } from 'zod';

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const pattern = /^(\d{1,9})(ms|s|m|h|d)$/;

/** Milliseconds, or undefined if the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  const match = pattern.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
}

const notOne = 'not a duration: a whole number and ms, s, m, h or d, as in "30s"';

/** A duration field: text outside, milliseconds inside. */
export const durationSchema = z
  .string({ error: notOne })
  .regex(pattern, { error: notOne })
  .transform((text) => parseDuration(text) ?? 0)
  .meta({ description: 'A duration: a whole number and ms, s, m, h or d, as in "30s".' });
