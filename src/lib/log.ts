// The log used by every room: structured lines on stderr. A small interface, so that tests can pass a fake.
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

/** Lines on stderr, written at once if there is room, so that a crash loses none; a reader that does not read blocks nothing. */
export function createLog(level: LogLevel, fields: object = {}): Log {
  // A stack trace is for developers, on request.
  const err = (reason: unknown): object =>
    reason instanceof Error
      ? { type: reason.name, message: reason.message, ...(level === 'debug' ? { stack: reason.stack } : {}) }
      : { message: String(reason) };
  return pino({ level, base: fields, serializers: { err } }, processLog());
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };
