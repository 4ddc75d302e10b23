// Where Envoy's admin interface listens: a socket in the data folder by default; never beyond loopback.
import { join } from 'node:path';
import { CellwallError } from '../lib/errors.ts';
import type { AdminAddress } from './bootstrap.ts';
import { parseHostPort } from './host-port.ts';

/** `text` is "ip:port" on loopback or "unix:<path>". */
export function adminOf(text: string | undefined, dataDir: string): AdminAddress {
  if (text === undefined) {
    const path = join(dataDir, 'admin.sock');
    // sun_path holds 108 bytes.
    return Buffer.byteLength(path) < 100 ? { kind: 'unix', path } : { kind: 'tcp', host: '127.0.0.1', port: 0 };
  }
  if (text.startsWith('unix:')) return { kind: 'unix', path: text.slice('unix:'.length) };
  const { host, port } = parseHostPort('admin address', text);
  if (host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)) return { kind: 'tcp', host, port };
  throw new CellwallError('invalid_argument', `Envoy's admin interface must not listen on ${host}`, {
    hint: 'it needs no credential and can end the proxy: use 127.0.0.1:<port>, or unix:<path>',
  });
}
