// The log every room takes: structured lines on stderr. A small interface, so that tests pass a fake.
import { pino } from 'pino';
import { processLog } from './process-log.ts';

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Lines on stderr, written at once where there is room, so that a crash loses none; whoever does not read them holds up nothing. */
export function createLog(level: LogLevel, fields: object = {}): Log {
  // A stack is for who develops it, and asks.
  const err = (reason: unknown): object =>
    reason instanceof Error
      ? { type: reason.name, message: reason.message, ...(level === 'debug' ? { stack: reason.stack } : {}) }
      : { message: String(reason) };
  return pino({ level, base: fields, serializers: { err } }, processLog());
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };
