// The command line as a value: one command line in, an exit code out; failures in the words and the format of the command. What is
// heavy is imported inside actions, so that `--help` and `sidecar` load nothing they do not use.
import { CommanderError } from 'commander';
import { CellwallError } from '../lib/errors.ts';
import { createCatalog } from './catalog.ts';
import { describeKinds } from './flags/describe-kinds.ts';
import type { CliContext, CliIo } from './io.ts';
import { faultText, stackOf } from './never-a-stack.ts';
import { ofSystem } from './of-system.ts';
import type { ExitCode } from './output/exit-codes.ts';
import { formatIn } from './output/print.ts';
import { printError, printFailure } from './output/print-failure.ts';

const helps: ReadonlySet<string> = new Set(['-h', '--help', 'help']);

export interface Program {
  /** Runs one command line (without node and script). Never throws; answers the exit code. */
  run(args: readonly string[]): Promise<ExitCode>;
}

export function createProgram(io: CliIo): Program {
  return {
    async run(args) {
      let code: ExitCode = 0;
      let answeredBy: string | undefined;
      let wrote = false;
      const { stdout } = io;
      const context: CliContext = {
        ...io,
        stdout: {
          write(text) {
            wrote = true;
            return stdout.write(text);
          },
          get columns() {
            return stdout.columns;
          },
          get rows() {
            return stdout.rows;
          },
          isTTY: stdout.isTTY,
          on: (event, listener) => stdout.on?.(event, listener),
          off: (event, listener) => stdout.off?.(event, listener),
        },
        finish(value) {
          code = value;
        },
        answered(host) {
          answeredBy = host;
        },
      };
      try {
        const catalog = createCatalog(context);
        // Of a command: the program's own help has no flags of commands.
        if (args.length > 1 && args.some((arg) => helps.has(arg))) await describeKinds(catalog);
        await catalog.parseAsync([...args], { from: 'user' });
        return code;
      } catch (reason) {
        return failure(io, reason, { args, answeredBy, wrote });
      }
    },
  };
}

interface Ran {
  readonly args: readonly string[];
  /** A control plane, or what is at its address. */
  readonly answeredBy: string | undefined;
  /** Data is on stdout already: nothing may come after it. */
  readonly wrote: boolean;
}

const nowhere = { write: () => true };

async function failure(all: CliIo, reason: unknown, { args, answeredBy, wrote }: Ran): Promise<ExitCode> {
  const io = wrote ? { ...all, stdout: nowhere } : all;
  const format = formatIn(args);
  if (reason instanceof CommanderError) {
    // commander has already said on stderr what it had to say. Its own faults of usage exit with 1; ours is 2.
    if (reason.exitCode === 0) return 0;
    const message = reason.code === 'commander.help' ? 'a command is missing' : reason.message.replace(/^error: /, '');
    await printError(io, format, { code: 'invalid_argument', message });
    return 2;
  }
  const error = ofSystem(reason) ?? unreadable(reason, answeredBy) ?? CellwallError.from(reason);
  const { code, message, hint } = error;
  // What the control plane failed at has a hint.
  if (code === 'internal' && hint === undefined) {
    io.stderr.write(faultText(error.cause ?? error, io.env));
    await printError(io, format, { code, message });
  } else {
    await printFailure(io, format, { code, message, hint });
    const stack = answeredBy === undefined ? undefined : stackOf(error.cause, io.env);
    if (stack !== undefined) io.stderr.write(`${stack}\n`);
  }
  return 1;
}

/** A command stumbled over what it was answered: not as this version knows it. Undefined for what says itself what is wrong. */
function unreadable(reason: unknown, host: string | undefined): CellwallError | undefined {
  if (host === undefined || reason instanceof CellwallError) return undefined;
  const message = reason instanceof Error ? reason.message : String(reason);
  return new CellwallError('unavailable', `${host} answered what this version cannot read (${message})`, {
    hint: 'is it a control plane, and of this version? "cellwall --version" shows this one\'s; CELLWALL_DEBUG=1 shows where, for a report',
    cause: reason,
  });
}
