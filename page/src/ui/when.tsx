import { useEffect, useState } from 'preact/hooks';
import { exact, relative } from './time.ts';

/** Now, again every so many milliseconds. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** A time, relative to `now`; the exact one is its title. */
export function When({ at, now }: { readonly at: number; readonly now: number }) {
  const date = new Date(at);
  const machine = Number.isNaN(date.getTime()) ? undefined : date.toISOString();
  return (
    <time {...(machine === undefined ? {} : { dateTime: machine })} title={exact(at)}>
      {relative(at, now)}
    </time>
  );
}
