// The parent of a cell's own control plane: flags of `serve`.
import type { Command } from 'commander';
import type { ParentChoice } from '../../follower/follower.ts';
import { defined } from '../../lib/defined.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { parseHostPort } from './address.ts';
import { flag } from './environment.ts';
import { readSecret } from './secret.ts';

export interface ParentFlags {
  readonly parent?: string;
}

export function addParentFlags(command: Command): Command {
  return command
    .addOption(
      flag(
        '--parent <host:port>',
        "follow another control plane, at its identity API, as a cell's own; several: a:1,b:1",
        {
          env: 'CELLWALL_PARENT',
          defaultText: 'none',
          parse: (text) => text.split(',').map(parseHostPort).map(formatHostPort).join(),
        },
      ),
    )
    .addOption(
      flag('--parent-token <token>', 'with --parent: its join token; not needed for a restart', {
        env: 'CELLWALL_PARENT_TOKEN',
      }),
    )
    .addOption(
      flag('--parent-token-file <file>', 'a file that contains that token', { env: 'CELLWALL_PARENT_TOKEN_FILE' }),
    );
}

export function parentOf({ parent }: ParentFlags, command: Command): { readonly parent?: ParentChoice } {
  if (parent === undefined) return {};
  return { parent: { addresses: parent, ...defined({ token: readSecret(command, 'parentToken') }) } };
}
