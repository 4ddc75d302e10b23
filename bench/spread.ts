// Samples in a word: the median, with the least and the most.
import { median } from './median.ts';

export function spread(values: readonly number[]): string {
  if (values.length === 0) return '–';
  const round = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
  return `**${round(median(values) ?? 0)}** (${round(Math.min(...values))}–${round(Math.max(...values))})`;
}
