// The log every room takes: structured lines on stderr. A small interface, so that tests pass a fake.
import { pino } from 'pino';

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** JSON lines on stderr, written synchronously so that a crash loses none. */
export function createLog(level: LogLevel, fields: object = {}): Log {
  return pino({ level, base: fields }, pino.destination({ fd: 2, sync: true }));
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };
