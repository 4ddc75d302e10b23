// A log whose warnings come from whoever connects: the first ones of a kind stand in it, a burst is summed in one line.
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

export interface SummedLogOptions {
  /** Lines of one kind (message and code) that are written in one window. */
  readonly burst?: number;
  readonly windowMs?: number;
}

/** More kinds than this are one: what a caller can choose does not grow. */
const maxKinds = 100;

export function createSummedLog(log: Log, clock: Clock, { burst = 10, windowMs = 10_000 }: SummedLogOptions = {}): Log {
  const kinds = new Map<string, { seen: number; last: object }>();

  function warn(fields: object, message: string): void {
    const code = 'code' in fields ? String(fields.code) : '';
    const name = `${message} ${code}`;
    const kind = kinds.has(name) || kinds.size < maxKinds ? name : '';
    const known = kinds.get(kind);
    if (known === undefined) {
      kinds.set(kind, { seen: 1, last: fields });
      clock.after(windowMs, () => close(kind, message));
    } else {
      known.seen += 1;
      known.last = fields;
    }
    if ((known?.seen ?? 1) <= burst) log.warn(fields, message);
  }

  function close(kind: string, message: string): void {
    const { seen = 0, last = {} } = kinds.get(kind) ?? {};
    kinds.delete(kind);
    if (seen <= burst) return;
    log.warn(
      { ...last, more: seen - burst, seconds: windowMs / 1000 },
      `${message}: more of the same, this is the last`,
    );
  }

  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn,
    error: (fields, message) => log.error(fields, message),
    child: (fields) => createSummedLog(log.child(fields), clock, { burst, windowMs }),
  };
}
