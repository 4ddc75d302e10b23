// Numbers and durations on the command line, parsed before any request is sent.
import { InvalidArgumentError } from 'commander';

/** Seconds, 0 to an hour. */
export function seconds(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 3600)) throw new InvalidArgumentError('a whole number of seconds, 3600 at most');
  return value;
}

/** 1 to 256. */
export function threads(text: string): number {
  const value = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 1 && value <= 256)) throw new InvalidArgumentError('a whole number, 1 to 256');
  return value;
}

/** As documents write them (model/duration.ts would pull in the schema library). */
export function duration(text: string): string {
  if (/^[1-9]\d{0,8}(ms|s|m|h|d)$/.test(text)) return text;
  throw new InvalidArgumentError('a whole number and ms, s, m, h or d, as in 24h');
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Of what `duration` accepted, in milliseconds. */
export function msOf(text: string): number {
  const [, count, unit = ''] = /^(\d+)([a-z]+)$/.exec(text) ?? [];
  return Number(count) * (unitMs[unit] ?? Number.NaN);
}

/** A revision's number. */
export function revision(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('not the number of a revision ("cellwall history" lists them)');
}

/** How many hosts may redeem a join token: 1 to 1000. */
export function uses(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= 1000) return value;
  throw new InvalidArgumentError('a whole number, 1 to 1000');
}
