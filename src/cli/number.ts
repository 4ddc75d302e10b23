// Whole numbers on the command line.
import { InvalidArgumentError } from 'commander';

/** Seconds, 0 to an hour. */
export function seconds(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 3600)) throw new InvalidArgumentError('a whole number of seconds, 3600 at most');
  return value;
}
