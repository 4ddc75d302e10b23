// Whole numbers on the command line.
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
