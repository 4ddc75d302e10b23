// `cellwall sidecar`: gets an identity, writes the bootstrap, runs Envoy beside a service.
import { Command } from 'commander';
import { defined } from '../../lib/defined.ts';
import { attestOf } from '../flags/attest.ts';
import { addEnrolFlags, identityServers, joinToken } from '../flags/enrol.ts';
import { flag } from '../flags/environment.ts';
import { addLogLevelFlag, logLevel } from '../flags/log-level.ts';
import { seconds, threads } from '../flags/number.ts';
import { defaultSidecarData } from '../flags/paths.ts';
import { addProxyFlags, proxyOptions } from '../flags/proxy-flags.ts';
import { wantedIdentity } from '../flags/wanted-identity.ts';
import { addWorkloadApiFlags, workloadApiOf } from '../flags/workload-api.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { prints } from '../output/prints.ts';

interface Options {
  readonly data?: string;
  readonly envoyBin?: string;
  readonly drainSeconds: number;
  readonly drainUntilClosed?: true;
  readonly concurrency: number;
}

export function sidecarCommand(context: CliContext): Command {
  const command = new Command('sidecar')
    .summary('run an Envoy sidecar for a service')
    .description(
      'Gets an identity, writes the bootstrap and runs Envoy for a service; renews the identity; on shutdown, ' +
        'deregisters the proxy and drains it. A restart with the same --data needs no token.',
    );
  addEnrolFlags(command, ['identity', 'xds']);
  addProxyFlags(command)
    .addOption(
      flag('--data <dir>', 'its keys and state', {
        env: 'CELLWALL_SIDECAR_DATA',
        defaultText: 'its own directory',
      }),
    )
    .addOption(
      flag('--envoy-bin <path>', 'the Envoy to run; if ENVOY_SHA256 is set, its hash must match', {
        defaultText: 'ENVOY_BIN, PATH, else downloaded once',
      }),
    )
    .addOption(
      flag('--concurrency <n>', "Envoy's worker threads", {
        env: 'CELLWALL_CONCURRENCY',
        default: 1,
        parse: threads,
      }),
    )
    .addOption(
      flag('--drain-seconds <n>', 'time for open requests to finish on shutdown (SIGTERM, Ctrl-C)', {
        env: 'CELLWALL_DRAIN_SECONDS',
        default: 5,
        parse: seconds,
      }),
    )
    .addOption(
      flag('--drain-until-closed', "stay while the application's port is open, for --drain-seconds at most", {
        env: 'CELLWALL_DRAIN_UNTIL_CLOSED',
      }),
    );
  addWorkloadApiFlags(command);
  addLogLevelFlag(command);
  examples(
    command,
    'sidecar --service cell-1/api --app 3000',
    'sidecar --service api --app 3000 --listen 10.0.0.5:8443 --server control-plane --token-file token',
    'sidecar --service api --app 3000 --listen 10.0.0.5:8443 --server plane-1,plane-2',
  );
  prints(command, { kind: 'nothing' });
  return command.action(async (options: Options, self: Command) => {
    const wanted = wantedIdentity(self);
    const proxy = proxyOptions(self);
    const code = await context.run.sidecar({
      ...proxy,
      wanted,
      token: joinToken(context, self, wanted),
      ...attestOf(self),
      identityServers: identityServers(self),
      data: options.data ?? defaultSidecarData(context, wanted, proxy.instance),
      drainSeconds: options.drainSeconds,
      drainUntilClosed: options.drainUntilClosed === true,
      concurrency: options.concurrency,
      logLevel: logLevel(self),
      ...defined({ envoy: options.envoyBin, workloadApi: workloadApiOf(self) }),
    });
    context.finish(code);
  });
}
