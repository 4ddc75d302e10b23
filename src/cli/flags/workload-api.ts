// Where SPIFFE's Workload API is served: a socket, and who may open it.
import { type Command, InvalidArgumentError } from 'commander';
import { defined } from '../../lib/defined.ts';
import { parseSocketPath, type SocketPath } from '../../lib/socket-path.ts';
import type { WorkloadApiOptions } from '../run.ts';
import { flag } from './environment.ts';

/** `when` is put before what each says. */
export function addWorkloadApiFlags(command: Command, when = ''): Command {
  return command
    .addOption(
      flag('--workload-api <unix:path>', `${when}serve the SPIFFE Workload API on this socket`, {
        env: 'CELLWALL_WORKLOAD_API',
        parse: socket,
      }),
    )
    .addOption(
      flag('--workload-api-mode <mode>', 'who may open that socket, and so has the identity', {
        env: 'CELLWALL_WORKLOAD_API_MODE',
        parse: mode,
        default: 0o600,
        defaultText: '0600, its owner',
      }),
    )
    .addOption(
      flag('--workload-api-owner <uid:gid>', 'whose that socket is, in numbers: it needs root to name another user', {
        env: 'CELLWALL_WORKLOAD_API_OWNER',
        parse: owner,
        defaultText: 'this user',
      }),
    );
}

export function workloadApiOf(command: Command): WorkloadApiOptions | undefined {
  const { workloadApi, workloadApiMode, workloadApiOwner } = command.opts<{
    readonly workloadApi?: SocketPath;
    readonly workloadApiMode: number;
    readonly workloadApiOwner?: WorkloadApiOptions['owner'];
  }>();
  if (workloadApi === undefined) return undefined;
  return { socket: workloadApi, mode: workloadApiMode, ...defined({ owner: workloadApiOwner }) };
}

function socket(text: string): SocketPath {
  const parsed = parseSocketPath(text);
  if (parsed === undefined) throw new InvalidArgumentError('not a socket as in unix:/run/api/spiffe.sock');
  return parsed;
}

function mode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) throw new InvalidArgumentError('three octal digits, as in 0660');
  return Number.parseInt(text, 8);
}

/** `UID:GID`. */
export function owner(text: string): NonNullable<WorkloadApiOptions['owner']> {
  const [, uid, gid] = /^(\d{1,10}):(\d{1,10})$/.exec(text) ?? [];
  if (uid === undefined || gid === undefined || Math.max(Number(uid), Number(gid)) >= 2 ** 32 - 1) {
    throw new InvalidArgumentError('numbers of a user and a group, as in 1001:1001 (id -u NAME, id -g NAME)');
  }
  return { uid: Number(uid), gid: Number(gid) };
}
