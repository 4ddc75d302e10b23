// Times as people read them.

const units = [
  ['y', 365 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** "3 d 4 h", "12 min", "5 s": two units at most. */
export function span(ms: number): string {
  const whole = Math.max(0, ms);
  const index = units.findIndex(([, size]) => whole >= size);
  const first = units[index];
  if (first === undefined) return '0 s';
  const second = units[index + 1];
  const rest = second === undefined ? 0 : Math.floor((whole % first[1]) / second[1]);
  const head = `${Math.floor(whole / first[1])} ${first[0]}`;
  return second === undefined || rest === 0 || first[0] === 'min' ? head : `${head} ${rest} ${second[0]}`;
}

/** "5 min ago", "in 3 d". */
export function relative(at: number, now: number): string {
  if (Math.abs(at - now) < 1000) return 'now';
  return at > now ? `in ${span(at - now)}` : `${span(now - at)} ago`;
}

/** In the reader's own zone, with seconds. */
export function exact(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return 'unknown';
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** For an axis, in the reader's own zone: the time of day, or over days the day. */
export function clock(at: number, long: boolean): string {
  const text = exact(at);
  const time = text.slice(11, 16);
  return long ? (time === '00:00' ? text.slice(5, 10) : `${text.slice(5, 10)} ${time}`) : time;
}
