// Times for people: how long from now, or ago.

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** `in 42m`, `3s ago`, `now`. */
export function relativeTime(at: number, now: number): string {
  const distance = Math.abs(at - now);
  for (const [unit, size] of units) {
    // 59m 58s is an hour.
    if (distance < size * 0.95) continue;
    const text = `${Math.round(distance / size)}${unit}`;
    return at > now ? `in ${text}` : `${text} ago`;
  }
  return 'now';
}

export function isoTime(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
