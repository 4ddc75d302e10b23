// Every command, grouped as the help shows them, and what all have in common: exit codes, help, where values come from.
import { Command, type Option } from 'commander';
import { escapeBlock } from '../lib/escape.ts';
import { adminTokenCommand } from './commands/admin-token.ts';
import { applyCommand } from './commands/apply.ts';
import { approveCommand } from './commands/approve.ts';
import { auditCommand } from './commands/audit.ts';
import { banCommand, unbanCommand } from './commands/ban.ts';
import { bootstrapCommand } from './commands/bootstrap.ts';
import { bootstrapSecretCommand } from './commands/bootstrap-secret.ts';
import { caCommand } from './commands/ca.ts';
import { certsCommand } from './commands/certs.ts';
import { completionCommand } from './commands/completion.ts';
import { contextCommand } from './commands/context.ts';
import { deleteCommand } from './commands/delete.ts';
import { diffCommand } from './commands/diff.ts';
import { doctorCommand } from './commands/doctor.ts';
import { explainCommand } from './commands/explain.ts';
import { getCommand } from './commands/get.ts';
import { historyCommand } from './commands/history.ts';
import { importCommand } from './commands/import.ts';
import { nodeCommand } from './commands/node.ts';
import { pageCommand } from './commands/page.ts';
import { proxyCommand } from './commands/proxy.ts';
import { rejectCommand } from './commands/reject.ts';
import { rollbackCommand } from './commands/rollback.ts';
import { runnerCommand } from './commands/runner.ts';
import { schemaCommand } from './commands/schema.ts';
import { serveCommand } from './commands/serve.ts';
import { sidecarCommand } from './commands/sidecar.ts';
import { signalsCommand } from './commands/signals.ts';
import { simulateCommand } from './commands/simulate.ts';
import { statusCommand } from './commands/status.ts';
import { storeCommand } from './commands/store.ts';
import { svidCommand } from './commands/svid.ts';
import { tokenCommand } from './commands/token.ts';
import { validateCommand } from './commands/validate.ts';
import { waitingCommand } from './commands/waiting.ts';
import { applyEnvironment } from './flags/environment.ts';
import { logFormat } from './flags/log-level.ts';
import type { CliContext } from './io.ts';
import { exitCodes } from './output/exit-codes.ts';
import { checkFormat, outputOption } from './output/formats.ts';
import { describeOption } from './output/help.ts';
import { printedBy } from './output/prints.ts';

/** Parses and runs nothing by itself. */
export function createCatalog(context: CliContext): Command {
  const program = new Command('cellwall')
    .description('An Envoy control plane with a SPIFFE certificate authority.')
    .version(context.version, '--version', 'print the version')
    .addOption(outputOption())
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', `\nExit codes: ${codes()}.\nFlags win over the environment. docs/cli.md has every flag.`)
    .hook('preAction', (_program, action) => {
      checkFormat(action);
      applyEnvironment(action, context.env);
      const format = logFormat(action);
      if (format !== undefined) context.useLogFormat(format);
    });
  program
    .commandsGroup('Run:')
    .addCommand(serveCommand(context))
    .addCommand(sidecarCommand(context))
    .addCommand(runnerCommand(context));
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
    .addCommand(waitingCommand(context))
    .addCommand(approveCommand(context))
    .addCommand(rejectCommand(context))
    .addCommand(importCommand(context))
    .addCommand(storeCommand(context))
    .addCommand(schemaCommand(context));
  program
    .commandsGroup('Look:')
    .addCommand(statusCommand(context))
    .addCommand(signalsCommand(context))
    .addCommand(pageCommand(context))
    .addCommand(explainCommand(context))
    .addCommand(proxyCommand(context))
    .addCommand(auditCommand(context))
    .addCommand(doctorCommand(context));
  program
    .commandsGroup('Identity:')
    .addCommand(adminTokenCommand(context))
    .addCommand(tokenCommand(context))
    .addCommand(nodeCommand(context))
    .addCommand(banCommand(context))
    .addCommand(unbanCommand(context))
    .addCommand(certsCommand(context))
    .addCommand(caCommand(context))
    .addCommand(svidCommand(context))
    .addCommand(bootstrapCommand(context))
    .addCommand(bootstrapSecretCommand(context));
  program
    .commandsGroup('This command line:')
    .addCommand(contextCommand(context))
    .addCommand(completionCommand(context));
  settle(program, context);
  return program;
}

function codes(): string {
  return Object.entries(exitCodes)
    .map(([code, { short }]) => `${code} ${short}`)
    .join(', ');
}

/** addCommand() does not pass settings on; every command gets the same. */
function settle(command: Command, context: CliContext): void {
  command
    .exitOverride()
    .showHelpAfterError(`(see "${fullName(command)} --help")`)
    .configureHelp({
      helpWidth: 110,
      showGlobalOptions: printedBy(command) !== undefined && printedBy(command)?.kind !== 'nothing',
      optionDescription: describeOption,
      visibleGlobalOptions: (of) => globalOptions(of),
    })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      // It repeats arguments, which may have been pasted from anywhere.
      outputError: (text, write) => write(escapeBlock(text)),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  for (const child of command.commands) settle(child, context);
}

/** The version is the program's, not a command's. */
function globalOptions(command: Command): Option[] {
  const { parent } = command;
  if (parent === null) return [];
  return [...globalOptions(parent), ...parent.options.filter(({ long }) => long === '--output')];
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}
