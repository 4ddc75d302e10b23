// A log for tests that look at some of its levels. The other levels, and its children, are silent.
import { type Log, silentLog } from '../../src/lib/log.ts';

/** What `hear` is told, the silent log is told, too: that is where lines are kept to be searched for secrets (`canary/`). */
export function heardLog(hear: Partial<Log>): Log {
  const both =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: object, message: string): void => {
      silentLog[level](fields, message);
      hear[level]?.(fields, message);
    };
  return {
    debug: both('debug'),
    info: both('info'),
    warn: both('warn'),
    error: both('error'),
    child: hear.child ?? (() => silentLog),
  };
}
