// The command line as a value: commands and flags, the environment behind them, failures as exit codes. What is heavy is
// imported inside actions, so that `--help` and `sidecar` load nothing they do not use.
import { Command, CommanderError, Option } from 'commander';
import { CellwallError } from '../lib/errors.ts';
import { applyCommand } from './commands/apply.ts';
import { auditCommand } from './commands/audit.ts';
import { bootstrapCommand } from './commands/bootstrap.ts';
import { certsCommand } from './commands/certs.ts';
import { deleteCommand } from './commands/delete.ts';
import { diffCommand } from './commands/diff.ts';
import { explainCommand } from './commands/explain.ts';
import { getCommand } from './commands/get.ts';
import { historyCommand } from './commands/history.ts';
import { importCommand } from './commands/import.ts';
import { rollbackCommand } from './commands/rollback.ts';
import { schemaCommand } from './commands/schema.ts';
import { serveCommand } from './commands/serve.ts';
import { sidecarCommand } from './commands/sidecar.ts';
import { simulateCommand } from './commands/simulate.ts';
import { statusCommand } from './commands/status.ts';
import { svidCommand } from './commands/svid.ts';
import { tokenCommand } from './commands/token.ts';
import { validateCommand } from './commands/validate.ts';
import { applyEnvironment } from './environment.ts';
import { escapeLine } from './escape.ts';
import type { CliContext, CliIo, ExitCode } from './io.ts';

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
        await build(context).parseAsync([...args], { from: 'user' });
        return code;
      } catch (reason) {
        return failure(io, reason);
      }
    },
  };
}

function build(context: CliContext): Command {
  const program = new Command('cellwall')
    .description('An Envoy control plane with a SPIFFE certificate authority.')
    .version(context.version, '--version', 'print the version')
    .addOption(
      new Option('-o, --output <format>', 'of data on stdout').choices(['table', 'json', 'yaml']).default('table'),
    )
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText(
      'after',
      '\nExit codes: 0 fine, 1 failed, 2 usage, 3 differs or invalid. Flags over CELLWALL_* environment.',
    )
    .hook('preAction', (_program, action) => applyEnvironment(action, context.env));
  program.commandsGroup('Run:').addCommand(serveCommand(context)).addCommand(sidecarCommand(context));
  program
    .commandsGroup('Documents:')
    .addCommand(validateCommand(context))
    .addCommand(applyCommand(context))
    .addCommand(getCommand(context))
    .addCommand(deleteCommand(context))
    .addCommand(diffCommand(context))
    .addCommand(simulateCommand(context))
    .addCommand(historyCommand(context))
    .addCommand(rollbackCommand(context))
    .addCommand(importCommand(context))
    .addCommand(schemaCommand(context));
  program
    .commandsGroup('Look:')
    .addCommand(statusCommand(context))
    .addCommand(explainCommand(context))
    .addCommand(auditCommand(context));
  program
    .commandsGroup('Identity:')
    .addCommand(tokenCommand(context))
    .addCommand(certsCommand(context))
    .addCommand(svidCommand(context))
    .addCommand(bootstrapCommand(context));
  settle(program, context);
  return program;
}

/** addCommand() does not hand settings down; every command gets the same. */
function settle(command: Command, context: CliContext): void {
  command
    .exitOverride()
    .showHelpAfterError(`(see "${fullName(command)} --help")`)
    .configureHelp({ helpWidth: 110, showGlobalOptions: command.parent !== null })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  for (const child of command.commands) settle(child, context);
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

function failure(io: Pick<CliIo, 'stderr'>, reason: unknown): ExitCode {
  if (reason instanceof CommanderError) {
    // commander has already said what it had to say. Its own faults of usage exit with 1; ours is 2.
    return reason.exitCode === 0 ? 0 : 2;
  }
  const { code, message, hint, cause } = CellwallError.from(reason);
  io.stderr.write(`error: ${escapeLine(message)}\n`);
  if (hint !== undefined) io.stderr.write(`  hint: ${escapeLine(hint)}\n`);
  if (code === 'internal' && cause instanceof Error && cause.stack !== undefined) io.stderr.write(`${cause.stack}\n`);
  return 1;
}
