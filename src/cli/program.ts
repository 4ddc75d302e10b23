// The command line as a value: one command line in, an exit code out; failures in the words and the format of the command. What is
// heavy is imported inside actions, so that `--help` and `sidecar` load nothing they do not use.
import { CommanderError } from 'commander';
import { CellwallError } from '../lib/errors.ts';
import { createCatalog } from './catalog.ts';
import { describeKinds } from './flags/describe-kinds.ts';
import type { CliContext, CliIo } from './io.ts';
import { faultText } from './never-a-stack.ts';
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
      const context: CliContext = {
        ...io,
        finish(value) {
          code = value;
        },
      };
      try {
        const catalog = createCatalog(context);
        // Of a command: the program's own help has no flags of commands.
        if (args.length > 1 && args.some((arg) => helps.has(arg))) await describeKinds(catalog);
        await catalog.parseAsync([...args], { from: 'user' });
        return code;
      } catch (reason) {
        return failure(io, reason, args);
      }
    },
  };
}

async function failure(io: CliIo, reason: unknown, args: readonly string[]): Promise<ExitCode> {
  const format = formatIn(args);
  if (reason instanceof CommanderError) {
    // commander has already said on stderr what it had to say. Its own faults of usage exit with 1; ours is 2.
    if (reason.exitCode === 0) return 0;
    const message = reason.code === 'commander.help' ? 'a command is missing' : reason.message.replace(/^error: /, '');
    await printError(io, format, { code: 'invalid_argument', message });
    return 2;
  }
  const error = ofSystem(reason) ?? CellwallError.from(reason);
  const { code, message, hint } = error;
  if (code === 'internal') {
    io.stderr.write(faultText(error.cause ?? error, io.env));
    await printError(io, format, { code, message });
  } else {
    await printFailure(io, format, { code, message, hint });
  }
  return 1;
}
