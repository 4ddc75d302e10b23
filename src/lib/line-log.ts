// A Log in forty lines, with the same format as createLog's, for the sidecar's helper: one runs for every service, and pino would cost it
// 10 MB and 40 ms.
import type { Log, LogLevel } from './log.ts';
import { processLog } from './process-log.ts';

const numbers = { debug: 20, info: 30, warn: 40, error: 50, silent: 100 } as const;

/** Lines on stderr, like createLog's: written at once if there is room, and never blocking. */
export function createLineLog(level: LogLevel, fields: object = {}, write: (line: string) => void = toProcessLog): Log {
  const at =
    (own: keyof typeof numbers) =>
    (more: object, message: string): void => {
      if (numbers[own] < numbers[level]) return;
      write(`${JSON.stringify({ level: numbers[own], time: Date.now(), ...fields, ...more, msg: message })}\n`);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => createLineLog(level, { ...fields, ...more }, write),
  };
}

function toProcessLog(line: string): void {
  processLog().write(line);
}
