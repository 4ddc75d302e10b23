// `--log-level` and `--log-format`, the same for every long-running command.
import type { Command } from 'commander';
import type { LogLevel } from '../../lib/log.ts';
import { type LogFormat, logFormats } from '../../lib/process-log.ts';
import { flag } from './environment.ts';

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const satisfies readonly LogLevel[];

/** `initial`: the default level. */
export function addLogLevelFlag(command: Command, initial: LogLevel = 'info'): Command {
  return command
    .addOption(
      flag('--log-level <level>', 'what is logged, on stderr', {
        env: 'CELLWALL_LOG_LEVEL',
        default: initial,
        choices: levels,
      }),
    )
    .addOption(
      flag('--log-format <format>', 'how: auto is text on a terminal, and elsewhere JSON', {
        env: 'CELLWALL_LOG_FORMAT',
        default: 'auto',
        choices: logFormats,
      }),
    );
}

/** Undefined for a command that does not log. */
export function logFormat(command: Command): LogFormat | undefined {
  const given: unknown = command.opts()['logFormat'];
  return logFormats.find((format) => format === given);
}

export function logLevel(command: Command): LogLevel {
  const given: unknown = command.opts()['logLevel'];
  return levels.find((level) => level === given) ?? 'info';
}
