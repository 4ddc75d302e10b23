// How a host without a join token says who it is: `--attest`, with the roots that it believes.
import { type Command, Option } from 'commander';
import { CellwallError } from '../../lib/errors.ts';
import type { NamedValues } from '../../lib/named-options.ts';
import { evidenceKinds } from '../../sidecar/attest/make-evidence.ts';
import type { AttestOptions } from '../run.ts';
import { flag } from './environment.ts';
import { parseNamedOption } from './named-option.ts';

export function addAttestFlags(command: Command): Command {
  return command
    .addOption(
      flag('--attest <attestor>', 'join with evidence of this host instead of a token', {
        env: 'CELLWALL_ATTEST',
        choices: Object.keys(evidenceKinds),
      }),
    )
    .addOption(
      new Option('--attest-option <name=value...>', 'with --attest: options of that kind').argParser(parseNamedOption),
    )
    .addOption(
      flag('--trust-bundle <file>', 'with --attest: the roots of the trust domain, PEM', {
        env: 'CELLWALL_TRUST_BUNDLE',
      }),
    );
}

/** Nothing without `--attest`. */
export function attestOf(command: Command): { readonly attest?: AttestOptions } {
  const { attest, attestOption, trustBundle } = command.opts<{
    readonly attest?: string;
    readonly attestOption?: NamedValues;
    readonly trustBundle?: string;
  }>();
  if (attest === undefined) return {};
  if (trustBundle === undefined) {
    throw new CellwallError('invalid_argument', '--attest needs --trust-bundle', {
      hint: 'without the roots of the trust domain this host could be talking to anybody',
    });
  }
  return { attest: { attestor: attest, options: attestOption ?? {}, trustBundle } };
}
