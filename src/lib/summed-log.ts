// A log for warnings that anybody who connects can cause: the first ones of a kind are written, a burst is summarised in one line.
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

export interface SummedLogOptions {
  /** Lines of one kind (message and code) that are written within one window. */
  readonly burst?: number;
  readonly windowMs?: number;
}

/** Beyond this, all kinds count as one: what a caller can choose must not use more memory. */
const maxKinds = 100;

/** Only warnings are summed up. Defaults: 10 lines in 10 s. */
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
