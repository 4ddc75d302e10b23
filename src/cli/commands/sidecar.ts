// `cellwall sidecar`: gets an identity, writes the bootstrap, runs Envoy beside a service.
import { Command } from 'commander';
import { addBootstrapFlags, bootstrapOptions } from '../bootstrap-flags.ts';
import { addEnrolFlags, identityServer, joinToken } from '../enrol.ts';
import { flag } from '../environment.ts';
import type { CliContext } from '../io.ts';
import { addLogLevelFlag, logLevel } from '../log-level.ts';
import { seconds } from '../number.ts';

export function sidecarCommand(context: CliContext): Command {
  const command = new Command('sidecar')
    .summary('run an Envoy beside a service')
    .description(
      'Gets an identity, writes the bootstrap and runs Envoy beside a service; renews its identity, and hands signals on.\nA restart with the same --data needs no token.',
    );
  addEnrolFlags(command);
  addBootstrapFlags(command)
    .addOption(flag('--envoy <path>', 'the Envoy to run (default: ENVOY_BIN, PATH, else fetched once)'))
    .addOption(
      flag('--drain-seconds <n>', 'time for open requests on SIGTERM', {
        env: 'CELLWALL_DRAIN_SECONDS',
        default: 5,
        parse: seconds,
      }),
    );
  addLogLevelFlag(command);
  return command.action(async (options: { envoy?: string; drainSeconds: number }, self: Command) => {
    const bootstrap = bootstrapOptions(context, self);
    const code = await context.run.sidecar({
      ...bootstrap,
      token: joinToken(context, self, bootstrap.wanted),
      identityServer: identityServer(self),
      drainSeconds: options.drainSeconds,
      logLevel: logLevel(self),
      ...(options.envoy === undefined ? {} : { envoy: options.envoy }),
    });
    context.finish(code);
  });
}
