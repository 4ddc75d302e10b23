// `cellwall bootstrap-secret create|rotate`: the one secret that a control plane needs besides its store.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { newBootstrapSecret, renewedBootstrapSecret } from '../../identity/bootstrap-secret.ts';
import { readSecretFile, writeSecretFile } from '../../identity/secret-file.ts';
import { CellwallError } from '../../lib/errors.ts';
import { escapeLine } from '../../lib/escape.ts';
import { Redacted } from '../../lib/redacted.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { prints } from '../output/prints.ts';

export function bootstrapSecretCommand(context: CliContext): Command {
  return new Command('bootstrap-secret')
    .summary('make the secret with which control planes share a CA through the store')
    .description(
      'The file of the secret from which control planes derive the key that seals what is in the store, and the key that encrypts the ' +
        "CA's keys there: a fresh one needs only the store and this file (serve --bootstrap-secret).",
    )
    .addCommand(createCommand(context))
    .addCommand(rotateCommand(context));
}

function createCommand(context: CliContext): Command {
  const command = new Command('create')
    .summary('write a new secret to a file')
    .description(
      'Writes a new secret to a file that only its owner can read. One file for all control planes of a deployment.',
    )
    .argument('<file>', 'the file to write; it must not exist')
    .option('--from-data <dir>', 'for an installation that exists: its data directory, whose seal.key stays in use')
    .action((file: string, { fromData }: { readonly fromData?: string }) => {
      if (existsSync(file)) {
        throw new CellwallError('already_exists', `${file} exists already`, {
          hint: 'a secret is not replaced: what it encrypted would be lost. To renew it: cellwall bootstrap-secret rotate',
        });
      }
      const sealKey = fromData === undefined ? undefined : sealKeyOf(fromData);
      writeSecretFile(file, newBootstrapSecret(sealKey).reveal());
      context.stderr.write(
        `${escapeLine(file)}: give it to every control plane of the deployment (serve --bootstrap-secret), and keep a copy elsewhere: ` +
          "without it the CA's keys in the store cannot be read\n",
      );
    });
  examples(command, 'bootstrap-secret create /etc/cellwall/bootstrap-secret');
  return prints(command, { kind: 'nothing' });
}

function rotateCommand(context: CliContext): Command {
  const command = new Command('rotate')
    .summary('put a new secret before the one that a file has')
    .description(
      'Puts a new secret into the file, before those that it has: the first encrypts, all decrypt. The key that seals what is in the ' +
        'store stays the same.',
    )
    .argument('<file>', 'the file of the secret')
    .action((file: string) => {
      writeSecretFile(file, renewedBootstrapSecret(file).reveal());
      context.stderr.write(
        `${escapeLine(file)}: give it to every control plane, then restart one, which says that the keys are encrypted with the new ` +
          'secret; then remove the older "secret" lines everywhere\n',
      );
    });
  examples(command, 'bootstrap-secret rotate /etc/cellwall/bootstrap-secret');
  return prints(command, { kind: 'nothing' });
}

function sealKeyOf(data: string): Redacted<string> {
  const file = join(data, 'seal.key');
  if (existsSync(file)) return new Redacted(readSecretFile(file).trim());
  throw new CellwallError('not_found', `there is no ${file}: no control plane has run on that data directory`, {
    hint: 'for a new installation leave out --from-data',
  });
}
