// `--log-level`, the same for every long-running command.
import type { Command } from 'commander';
import type { LogLevel } from '../../lib/log.ts';
import { flag } from './environment.ts';

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const satisfies readonly LogLevel[];

/** `initial`: the default level. */
export function addLogLevelFlag(command: Command, initial: LogLevel = 'info'): Command {
  return command.addOption(
    flag('--log-level <level>', 'what is logged, on stderr', {
      env: 'CELLWALL_LOG_LEVEL',
      default: initial,
      choices: levels,
    }),
  );
}

export function logLevel(command: Command): LogLevel {
  const given: unknown = command.opts()['logLevel'];
  return levels.find((level) => level === given) ?? 'info';
}
