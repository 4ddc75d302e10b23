// `cellwall svid`: a certificate as files, for clients without a sidecar; and what a certificate contains.
import { Command } from 'commander';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { attestOf } from '../flags/attest.ts';
import { addEnrolFlags, identityServers, joinToken } from '../flags/enrol.ts';
import { addLogLevelFlag, logLevel } from '../flags/log-level.ts';
import { readFile } from '../flags/read-file.ts';
import { wantedIdentity } from '../flags/wanted-identity.ts';
import { addWorkloadApiFlags, workloadApiOf } from '../flags/workload-api.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { formatFields } from '../output/table.ts';
import { isoTime, relativeTime } from '../output/time.ts';
import type { FetchedSvid } from '../run.ts';
import { exchangeCommand } from './svid-exchange.ts';

export function svidCommand(context: CliContext): Command {
  return new Command('svid')
    .summary('fetch certificates as files, or show one')
    .description('X.509-SVIDs as files, for clients without a sidecar.')
    .addCommand(fetchCommand(context))
    .addCommand(exchangeCommand(context, (self, svid) => printSvid(context, self, svid)))
    .addCommand(showCommand(context));
}

function fetchCommand(context: CliContext): Command {
  const command = new Command('fetch')
    .summary('get or renew a certificate as files')
    .description('Writes an X.509-SVID to files, or renews the one that is there (which needs no token).')
    .requiredOption('--dir <dir>', 'the directory for certificate, key and bundle')
    .option('--watch', 'keep running, and renew it at half of its life')
    .option('--on-renew <command>', 'with --watch: run this in a shell after each renewal');
  addWorkloadApiFlags(command, 'with --watch: ');
  addLogLevelFlag(addEnrolFlags(command, ['identity']), 'warn');
  examples(
    command,
    'svid fetch --service api --dir /var/lib/client --token-file token',
    "svid fetch --service api --dir /var/lib/client --watch --on-renew 'nginx -s reload'",
    'svid fetch --service api --dir /var/lib/client --watch --workload-api unix:/run/api/spiffe.sock',
  );
  prints(command, object('spiffeId notAfter files'));
  return command.action(async (options: FetchFlags, self: Command) => {
    const wanted = wantedIdentity(self);
    const workloadApi = workloadApiOf(self);
    const fetching = {
      wanted,
      token: joinToken(context, self, wanted),
      ...attestOf(self),
      identityServers: identityServers(self),
      directory: options.dir,
      logLevel: logLevel(self),
    };
    if (options.watch === true) {
      let printed = Promise.resolve();
      const keeping = { ...fetching, ...defined({ onRenew: options.onRenew, workloadApi }) };
      const code = await context.run.keepSvid(keeping, (svid) => {
        printed = printSvid(context, self, svid);
      });
      await printed;
      return context.finish(code);
    }
    if (options.onRenew !== undefined) throw needsWatch('--on-renew');
    if (workloadApi !== undefined) throw needsWatch('--workload-api');
    await printSvid(context, self, await context.run.fetchSvid(fetching));
  });
}

interface FetchFlags {
  readonly dir: string;
  readonly watch?: true;
  readonly onRenew?: string;
}

function needsWatch(flag: string): CellwallError {
  return new CellwallError('invalid_argument', `${flag} needs --watch`, {
    hint: 'without it the command ends as soon as the files are there',
  });
}

async function printSvid(context: CliContext, self: Command, svid: FetchedSvid): Promise<void> {
  const now = context.clock.now();
  await print(context, formatOf(self), {
    value: svid,
    table: () =>
      formatFields([
        ['identity', svid.spiffeId],
        ['ends', `${isoTime(svid.notAfter)} (${relativeTime(svid.notAfter, now)})`],
        ...svid.files.map((file) => ['file', file] as const),
      ]),
  });
}

function showCommand(context: CliContext): Command {
  const command = new Command('show')
    .summary('show what is in a certificate')
    .description('Shows the identity and the dates of the first certificate in a PEM file.')
    .argument('<file>', 'a PEM file')
    .action(async (file: string, _options: object, self: Command) => {
      const { describeCertificate } = await import('../output/describe-certificate.ts');
      const found = describeCertificate(readFile(file).toString('utf8'), file);
      const now = context.clock.now();
      await print(context, formatOf(self), {
        value: found,
        table: () =>
          formatFields([
            ['identity', found.spiffeId ?? '- (no single URI name)'],
            ['subject', found.subject],
            ['issuer', found.issuer],
            ['serial', found.serial],
            ['DNS names', found.dnsNames.join(', ') || '-'],
            ['from', isoTime(found.notBefore)],
            ['to', `${isoTime(found.notAfter)} (${relativeTime(found.notAfter, now)})`],
            ['SHA-256', found.sha256],
          ]),
      });
    });
  examples(command, 'svid show /var/lib/client/svid.pem');
  return prints(command, object('subject issuer serial dnsNames notBefore notAfter sha256', 'spiffeId'));
}
