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
  return pino({ level, base: fields }, processLog());
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };
