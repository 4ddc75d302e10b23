// What the command line works with: streams, environment, and the long-running commands. main.ts passes the real ones, tests pass fakes;
// nothing below uses process.
import type { Clock } from '../lib/clock.ts';
import type { LogFormat } from '../lib/process-log.ts';
import type { ExitCode } from './output/exit-codes.ts';
import type { CliRun } from './run.ts';
import type { Signals } from './signals.ts';

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Of a terminal. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
}

export interface CliIo {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Of the program. */
  readonly version: string;
  readonly run: CliRun;
  /** From the first call on, the program ends by them and not by itself. */
  signals(): Signals;
  /** Of what runs for long. */
  useLogFormat(format: LogFormat): void;
}

/** What a command's file is given: the io, and where it leaves its exit code (0 by default). */
export interface CliContext extends CliIo {
  finish(code: ExitCode): void;
  /** That host has answered: what cannot be read from here on may be its fault. */
  answered(host: string): void;
}
