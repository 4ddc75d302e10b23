// Port 0 of `--listen` as a real one: a proxy registers its address before it listens. The choice is kept, so that a restart comes
// back where its callers know it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ensureSecretFolder, writeSecretFile } from '../identity/secret-file.ts';
import { CellwallError } from '../lib/errors.ts';
import { formatHostPort } from './address.ts';
import type { IpPort } from './run.ts';

/** `held`, "ip:port", counts as free: an Envoy of this folder has it that makes room. */
export async function chooseListen({ address, port }: IpPort, data: string, held?: string): Promise<IpPort> {
  if (port !== 0) return { address, port };
  const file = join(data, 'listen-port');
  const before = readPort(file);
  if (before !== undefined) {
    const ours = held === formatHostPort({ host: address, port: before });
    if (ours || (await tryPort(address, before)) !== undefined) return { address, port: before };
  }
  const chosen = await tryPort(address, 0);
  if (chosen === undefined) throw new CellwallError('unavailable', `cannot listen on ${address}`);
  ensureSecretFolder(data);
  writeSecretFile(file, `${chosen}\n`);
  return { address, port: chosen };
}

function readPort(file: string): number | undefined {
  try {
    const port = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}

/** The port, if it could be had; nothing listens on it afterwards. */
function tryPort(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host, port, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : undefined));
    });
  });
}
