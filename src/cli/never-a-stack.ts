// The last resort of a process: an uncaught error is reported in one line that says what to do, not as Node's dump of source and stack; and
// an output that nobody reads any more is not an error.
import { escapeLine } from '../lib/escape.ts';

/** The parts of `process` that are used. */
export interface ProcessParts {
  on(event: 'uncaughtException' | 'unhandledRejection', listener: (reason: unknown) => void): unknown;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  exit(code: number): unknown;
  exitCode?: number | string | null | undefined;
}

interface OutputStream {
  on(event: 'error', listener: (reason: Error) => void): unknown;
  write(text: string): unknown;
}

/** Exit code 1, also after output that could not be written; a closed pipe is fine. */
export function neverAStack(own: ProcessParts): void {
  const end = (reason: unknown): void => {
    own.stderr.write(faultText(reason, own.env));
    own.exit(1);
  };
  own.on('uncaughtException', end);
  own.on('unhandledRejection', end);
  own.stdout.on('error', (reason) => {
    // `| head` has seen enough.
    if ('code' in reason && reason.code === 'EPIPE') return;
    own.stderr.write(`error: cannot write the output: ${escapeLine(reason.message)}\n`);
    own.exitCode = 1;
  });
  own.stderr.on('error', () => {});
}

/** For developers, on request: with the stack. */
export function faultText(reason: unknown, env: ProcessParts['env']): string {
  const message = reason instanceof Error ? reason.message : String(reason);
  const stack = stackOf(reason, env);
  return [
    `error: ${escapeLine(message)}`,
    '  hint: this is a bug in cellwall; CELLWALL_DEBUG=1 shows where, for a report',
    ...(stack === undefined ? [] : [stack]),
    '',
  ].join('\n');
}

export function stackOf(reason: unknown, env: ProcessParts['env']): string | undefined {
  return env['CELLWALL_DEBUG'] === '1' && reason instanceof Error ? reason.stack : undefined;
}
