// Periods in which signals are added up: minutes, hours, days and months (UTC), and how many of each are kept. Pure.

export const levels = ['minute', 'hour', 'day', 'month'] as const;
export type Level = (typeof levels)[number];

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** For how long a period is kept after its begin, in milliseconds. */
export const keptMs: Readonly<Record<Level, number>> = {
  minute: 61 * minuteMs,
  hour: 49 * hourMs,
  day: 36 * dayMs,
  month: 400 * dayMs,
};

/** Begin of the period that has this moment in it. Epoch milliseconds. */
export function beginOf(level: Level, at: number): number {
  switch (level) {
    case 'minute':
      return at - (at % minuteMs);
    case 'hour':
      return at - (at % hourMs);
    case 'day':
      return at - (at % dayMs);
    case 'month': {
      const date = new Date(at);
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
    }
    default:
      return level satisfies never;
  }
}

/** End of the period that begins then: begin of the next. */
export function endOf(level: Level, begin: number): number {
  switch (level) {
    case 'minute':
      return begin + minuteMs;
    case 'hour':
      return begin + hourMs;
    case 'day':
      return begin + dayMs;
    case 'month': {
      const date = new Date(begin);
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
    }
    default:
      return level satisfies never;
  }
}

/** Of which periods longer ones are made up. */
export function above(level: Level): Level | undefined {
  return levels[levels.indexOf(level) + 1];
}

/** The finest level of which everything since then is kept. */
export function levelFor(since: number, now: number): Level {
  return levels.find((level) => beginOf(level, since) >= now - keptMs[level]) ?? 'month';
}
