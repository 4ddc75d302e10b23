// Where Envoy's admin interface listens: a socket in the data folder by default, because it requires no credential; on a loopback port only
// if requested.
import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSecretFolder } from '../../identity/secret-file.ts';
import { CellwallError } from '../../lib/errors.ts';
import { readHostPort } from '../host-port.ts';
import type { AdminAddress } from './bootstrap.ts';

/** `text` is "ip:port" on loopback or "unix:<path>". */
export function adminOf(
  text: string | undefined,
  dataDir: string,
  env: Readonly<Record<string, string | undefined>>,
): AdminAddress {
  if (text === undefined) {
    const path = join(dataDir, 'admin.sock');
    return { kind: 'unix', path: fits(path) ? path : shortPath(dataDir, env) };
  }
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (!fits(path)) throw tooLong(path);
    return { kind: 'unix', path };
  }
  const { host, port } = readHostPort('admin address', text);
  if (host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)) return { kind: 'tcp', host, port };
  throw new CellwallError('invalid_argument', `Envoy's admin interface must not listen on ${host}`, {
    hint: 'it needs no credential and can end the proxy: use 127.0.0.1:<port>, or unix:<path>',
  });
}

/** sun_path has 108 bytes; Envoy adds a suffix to some. */
function fits(path: string): boolean {
  return Buffer.byteLength(path) < 100;
}

/** For a data folder whose own path is too long: the same at every start, in a folder that nobody else can enter. */
function shortPath(dataDir: string, env: Readonly<Record<string, string | undefined>>): string {
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  const user = process.getuid?.() ?? 0;
  for (const parent of [env['XDG_RUNTIME_DIR'] || tmpdir(), '/tmp']) {
    const folder = join(parent, `cellwall-${user}-${name}`);
    const path = join(folder, 'admin.sock');
    if (!fits(path)) continue;
    ensureSecretFolder(folder);
    if (lstatSync(folder).uid === user) return path;
    throw new CellwallError('failed_precondition', `${folder} belongs to another user`, {
      hint: "choose where Envoy's admin socket is with --envoy-admin unix:PATH",
    });
  }
  throw tooLong(join(dataDir, 'admin.sock'));
}

function tooLong(path: string): CellwallError {
  return new CellwallError('invalid_argument', `the path of Envoy's admin socket is too long (100 bytes): ${path}`, {
    hint: 'choose a shorter one with --envoy-admin unix:PATH',
  });
}
