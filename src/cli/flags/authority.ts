// Which CA issues the certificates of the trust domain, and on whose word: flags of `serve`.
import { type Command, Option } from 'commander';
import { type AuthorityName, authorities } from '../../identity/catalog.ts';
import type { AuthorityChoice } from '../../identity/open-authority.ts';
import { defined } from '../../lib/defined.ts';
import type { NamedValues } from '../../lib/named-options.ts';
import { flag } from './environment.ts';
import { parseNamedOption } from './named-option.ts';

export interface AuthorityFlags {
  readonly ca: AuthorityName;
  readonly caOption?: NamedValues;
  readonly caExtraRoots?: string;
  readonly attestors?: string;
  readonly credentials?: string;
}

export function addAuthorityFlags(command: Command): Command {
  return command
    .addOption(
      flag('--ca <kind>', 'which CA backend issues for the trust domain', {
        env: 'CELLWALL_CA',
        default: 'built-in',
        choices: Object.keys(authorities),
      }),
    )
    .addOption(new Option('--ca-option <name=value...>', 'with --ca: options of that kind').argParser(parseNamedOption))
    .addOption(
      flag(
        '--ca-extra-roots <file>',
        "PEM file of more roots to trust besides the CA's own; it is watched for changes",
        {
          env: 'CELLWALL_CA_EXTRA_ROOTS',
          defaultText: 'none',
        },
      ),
    )
    .addOption(
      flag(
        '--attestors <file>',
        'whose certificates, tokens and documents earn identities besides join tokens (YAML)',
        {
          env: 'CELLWALL_ATTESTORS',
          defaultText: 'nobody',
        },
      ),
    )
    .addOption(
      flag(
        '--credentials <folder>',
        'tokens that applications expect of their callers, a folder for each service; watched',
        {
          env: 'CELLWALL_CREDENTIALS',
          defaultText: 'none',
        },
      ),
    );
}

export function authorityOf({ ca, caOption, caExtraRoots }: AuthorityFlags): AuthorityChoice {
  return { kind: ca, ...defined({ options: caOption, extraRoots: caExtraRoots }) };
}
