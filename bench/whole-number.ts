// A whole number of the command line.
import { wrong } from './wrong.ts';

export function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  return wrong(`--${name} takes a whole number above 0, not ${text}`);
}
