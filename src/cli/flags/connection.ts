// How a command reaches the control plane: the flags, and a client built from them.
import { join } from 'node:path';
import type { Command, Option } from 'commander';
import type { AdminClient } from '../../admin/client.ts';
import type { Waited } from '../../admin/exchange.ts';
import type { SvidCredential } from '../../admin/svid-tls.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { Redacted } from '../../lib/redacted.ts';
import { parseTraceparent, traceparentOf } from '../../lib/traceparent.ts';
import type { CliContext } from '../io.ts';
import { chosenContext } from './context.ts';
import { flag } from './environment.ts';
import { defaultData } from './paths.ts';
import { readFile } from './read-file.ts';
import { readSecret, secretSource } from './secret.ts';

/** Heading of flags that say where the control plane is. */
export const controlPlaneGroup = 'Control plane:';

/** Flags of every command that talks to the admin API. `--data` is left out where it means another directory. */
export function addConnectionFlags(command: Command, { data = true }: { readonly data?: boolean } = {}): Command {
  const options = [
    flag('--admin <address>', 'address of its admin API: host:port, unix:<path> or https://…', {
      env: 'CELLWALL_ADMIN',
      defaultText: 'the socket in its data directory, else 127.0.0.1:18080',
    }),
    flag('--admin-token <token>', 'token of the admin API', { env: 'CELLWALL_ADMIN_TOKEN' }),
    flag('--admin-token-file <file>', 'a file that contains that token', { env: 'CELLWALL_ADMIN_TOKEN_FILE' }),
    flag('--admin-svid <dir>', "instead of a token: an operator's SVID, the directory written by svid fetch", {
      env: 'CELLWALL_ADMIN_SVID',
    }),
  ];
  if (data) {
    options.push(
      contextOption(),
      flag('--data <dir>', 'its data directory, if it is on this host: the token is there', {
        env: 'CELLWALL_DATA',
        defaultText: '~/.local/state/cellwall',
      }),
    );
  }
  for (const option of options) command.addOption(option.helpGroup(controlPlaneGroup));
  return command;
}

/** For commands that may work with any control plane. */
export function contextOption(): Option {
  return flag('--context <name>', 'one of your contexts ("cellwall context"), in place of address and token', {
    env: 'CELLWALL_CONTEXT',
    defaultText: 'that of "context use"',
  });
}

/** `data`: where the admin token is looked up; by default what the command's `--data` says. `timeoutMs`: for each answer. */
export async function connect(
  io: Pick<CliContext, 'env' | 'stderr' | 'answered'>,
  command: Command,
  { data, timeoutMs }: { readonly data?: string | undefined; readonly timeoutMs?: number } = {},
): Promise<AdminClient> {
  const { createAdminClient } = await import('../../admin/client.ts');
  const { adminSocketPath, isSocket } = await import('../../admin/admin-socket.ts');
  const socketOf = (folder: string): string | undefined => {
    const socket = adminSocketPath(folder);
    return isSocket(socket) ? `unix:${socket}` : undefined;
  };
  const usual = '127.0.0.1:18080';
  const onWait = (waited: Waited): unknown => io.stderr.write(waiting(waited));
  // As CI and other tools that trace set it; what is not valid begins a trace of its own there.
  const parent = parseTraceparent(io.env['TRACEPARENT']);
  const traceparent = parent && traceparentOf(parent);
  const more = { onWait, onAnswer: io.answered, ...defined({ timeoutMs, traceparent }) };
  const hasContexts = command.options.some(({ long }) => long === '--context');
  const context = hasContexts ? chosenContext(io, command) : undefined;
  if (context !== undefined) {
    const { name, adminTokenFile, adminSvid, data: own } = context;
    const url = context.admin ?? (own === undefined ? undefined : socketOf(own)) ?? usual;
    if (adminSvid !== undefined) return createAdminClient({ url, svid: readSvid(adminSvid), ...more });
    const token = adminTokenFile === undefined ? await adminToken(own ?? '') : readToken(adminTokenFile);
    const tokenFrom = `${adminTokenFile ?? `${own}/admin.token`} (context ${name})`;
    return createAdminClient({ url, token, tokenFrom, ...more });
  }
  const given = readSecret(command, 'adminToken');
  // Looked up only when needed: with address and token given, no home directory is required.
  const named: string | undefined = data ?? command.opts()['data'];
  const folder = (): string => named ?? defaultData(io);
  const admin = command.opts()['admin'] ?? socketOf(folder()) ?? usual;
  const svid: unknown = command.opts()['adminSvid'];
  if (typeof svid === 'string') {
    if (given !== undefined) command.error('error: give --admin-svid or a token, not both', { exitCode: 2 });
    return createAdminClient({ url: String(admin), svid: readSvid(svid), ...more });
  }
  const token = given ?? (await adminToken(folder()));
  const tokenFrom = secretSource(command, 'adminToken') ?? `${folder()}/admin.token`;
  return createAdminClient({ url: String(admin), token, tokenFrom, ...more });
}

function waiting({ ms, bytes }: Waited): string {
  const sent = bytes < 100_000 ? '' : ` of the ${(bytes / 1_048_576).toFixed(1)} MiB that were sent`;
  return `waiting for the control plane's answer${sent}: ${Math.round(ms / 1000)} s\n`;
}

function readSvid(dir: string): SvidCredential {
  const text = (name: string): string => readFile(join(dir, name), "the operator's SVID: ").toString('utf8');
  return { chain: text('svid.pem'), key: new Redacted(text('key.pem')), bundle: text('bundle.pem') };
}

function readToken(file: string): Redacted<string> {
  return new Redacted(readFile(file, 'the secret in ').toString('utf8').trim());
}

async function adminToken(data: string): Promise<Redacted<string>> {
  const { adminTokenFile, readAdminToken } = await import('../../admin/token.ts');
  const file = adminTokenFile(data);
  const found = readAdminToken(file);
  if (found !== undefined) return found;
  throw new CellwallError('unauthenticated', `no admin token: ${file} does not exist, or is not readable`, {
    hint: 'is "cellwall serve" running here, as this user? give --data, --admin-token-file or CELLWALL_ADMIN_TOKEN',
  });
}
