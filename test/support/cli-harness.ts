// The command line with streams, environment and long-running commands that a test gives and sees.

import type { CliIo } from '../../src/cli/io.ts';
import type { ExitCode } from '../../src/cli/output/exit-codes.ts';
import { createProgram } from '../../src/cli/program.ts';
import type { CliRun } from '../../src/cli/run.ts';
import { keepOutput } from './canary/keep-output.ts';
import { createFakeClock } from './fake-clock.ts';

export interface CliResult {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliHarnessOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly run?: Partial<CliRun>;
  readonly clock?: CliIo['clock'];
  /** It is a terminal of that size. */
  readonly terminal?: { readonly columns: number; readonly rows: number };
  /** Ends what shows something for long. */
  readonly stop?: AbortSignal;
  readonly onLogFormat?: CliIo['useLogFormat'];
  /** Told of each text on stdout. */
  readonly onOutput?: (text: string) => void;
}

export async function runCli(args: readonly string[], options: CliHarnessOptions = {}): Promise<CliResult> {
  const { env = {}, stdin = '', run = {}, clock = createFakeClock() } = options;
  const out: string[] = [];
  const err: string[] = [];
  const notHere = (): Promise<never> => Promise.reject(new Error('not part of this test'));
  const program = createProgram({
    stdout: {
      write(text) {
        out.push(text);
        options.onOutput?.(text);
      },
      ...(options.terminal === undefined ? {} : { isTTY: true, ...options.terminal }),
    },
    stderr: { write: (text) => err.push(text) },
    stdin: (async function* () {
      yield stdin;
    })(),
    env: { HOME: '/nonexistent', ...env },
    clock,
    version: '9.9.9',
    signals: () => ({ stop: options.stop ?? new AbortController().signal, suspends: () => () => {} }),
    useLogFormat: options.onLogFormat ?? (() => {}),
    run: {
      serve: notHere,
      inspect: notHere,
      sidecar: notHere,
      fetchSvid: notHere,
      exchangeSvid: notHere,
      keepSvid: notHere,
      serveRunner: notHere,
      openJob: notHere,
      closeJob: notHere,
      bootstrap: notHere,
      moveStore: notHere,
      ...run,
    },
  });
  const code = await program.run(args);
  const [stdout, stderr] = [out.join(''), err.join('')];
  const [command = ''] = args;
  keepOutput('stdout', `cellwall ${command} in the test`, stdout);
  keepOutput('stderr', `cellwall ${command} in the test`, stderr);
  return { code, stdout, stderr };
}
