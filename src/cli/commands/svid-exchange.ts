// `cellwall svid exchange`: in a CI job, the job's token for an SVID.
import { Command } from 'commander';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { checkRoots } from '../../sidecar/attest/read-roots.ts';
import { addServerFlags, identityServers } from '../flags/enrol.ts';
import { flag } from '../flags/environment.ts';
import { addLogLevelFlag, logLevel } from '../flags/log-level.ts';
import { readFile } from '../flags/read-file.ts';
import { readSecret } from '../flags/secret.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { object, prints } from '../output/prints.ts';
import type { FetchedSvid } from '../run.ts';

export function exchangeCommand(
  context: CliContext,
  printSvid: (self: Command, svid: FetchedSvid) => Promise<void>,
): Command {
  const command = new Command('exchange')
    .summary("in a CI job: exchange the job's token for a certificate as files")
    .description(
      "Exchanges a GitLab CI job's id_token for an X.509-SVID, which ends with the job at the latest. The key is made here " +
        'and stays here. Also writes DIR/env, for a shell to read.',
    )
    .requiredOption('--dir <dir>', 'the directory for certificate, key and bundle')
    .addOption(flag('--id-token <token>', "the job's token", { env: 'CELLWALL_ID_TOKEN' }))
    .addOption(
      flag('--id-token-file <file>', "a file that contains the job's token", { env: 'CELLWALL_ID_TOKEN_FILE' }),
    )
    .addOption(
      flag('--audience <audience>', 'for whom the token must be, and for nobody else; otherwise it is not sent', {
        env: 'CELLWALL_AUDIENCE',
      }),
    )
    .addOption(flag('--trust-bundle <file>', 'the roots of the trust domain, PEM', { env: 'CELLWALL_TRUST_BUNDLE' }))
    .option('--jwt-audience <audience...>', 'write a JWT-SVID for these audiences, too');
  addLogLevelFlag(addServerFlags(command, ['identity']), 'warn');
  examples(
    command,
    'svid exchange --dir svid --audience cellwall --server cellwall.example --trust-bundle roots.pem && . svid/env',
  );
  prints(command, object('spiffeId notAfter files'));
  return command.action(async (options: ExchangeFlags, self: Command) => {
    const { dir, audience, trustBundle, jwtAudience = [] } = options;
    const token = readSecret(self, 'idToken');
    if (token === undefined) {
      throw new CellwallError('invalid_argument', 'there is no token of a job', {
        hint: 'give the job one: id_tokens: {CELLWALL_ID_TOKEN: {aud: …}}; or name its file with --id-token-file',
      });
    }
    if (trustBundle === undefined) {
      throw new CellwallError('invalid_argument', 'svid exchange needs --trust-bundle', {
        hint: 'without the roots of the trust domain this job could be talking to anybody',
      });
    }
    const svid = await context.run.exchangeSvid({
      token,
      roots: checkRoots(readFile(trustBundle).toString('utf8'), trustBundle),
      directory: dir,
      jwtAudience,
      identityServers: identityServers(self),
      logLevel: logLevel(self),
      ...defined({ audience }),
    });
    await printSvid(self, svid);
  });
}

interface ExchangeFlags {
  readonly dir: string;
  readonly audience?: string;
  readonly trustBundle?: string;
  readonly jwtAudience?: readonly string[];
}
