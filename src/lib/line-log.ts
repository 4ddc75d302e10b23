// A Log in forty lines, of the same shape as createLog's, for the sidecar's helper: it stands beside every service, and pino
// would cost it 10 MB and 40 ms.
import type { Log, LogLevel } from './log.ts';
import { processLog } from './process-log.ts';

const numbers = { debug: 20, info: 30, warn: 40, error: 50, silent: 100 } as const;

/** Lines on stderr, as createLog's: at once where there is room, and in nobody's way. */
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
