// How many connections the limit on open files allows Envoy: each call takes two, and beyond the limit they fail without any message.
import { readFileSync } from 'node:fs';

/** Used by Envoy itself: its log, epoll, listeners, the xDS connection, statistics. */
const reserve = 100;
const most = 50_000;

/** The limit of this process, which Envoy inherits. Undefined if it cannot be determined, or there is none. */
export function descriptorLimit(
  read: () => string = () => readFileSync('/proc/self/limits', 'utf8'),
): number | undefined {
  try {
    const soft = /^Max open files +(\d+)/m.exec(read())?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** From callers and the application together; as many again to the application, and one more for each that leaves. */
export function connectionsWithin(limit: number | undefined): number {
  if (limit === undefined) return most;
  return Math.max(8, Math.min(most, Math.floor((limit - reserve) / 3)));
}

/** Below it, a busy service reaches the limit. */
export const comfortable = 4096;
