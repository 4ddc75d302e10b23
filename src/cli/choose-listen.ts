// Port 0 of `--listen` as a real one: a proxy registers its address before it listens. The choice is kept, so that a restart comes
// back where its callers know it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureSecretFolder, writeSecretFile } from '../identity/secret-file.ts';
import { listening } from '../lib/listening.ts';
import { formatHostPort } from './address.ts';
import { checkFree, tryPort } from './check-free.ts';
import type { IpPort } from './run.ts';

/** `held`, "ip:port", counts as free: an Envoy of this folder has it that makes room. */
export async function chooseListen({ address, port }: IpPort, data: string, held?: string): Promise<IpPort> {
  const where = { what: 'callers', flag: '--listen', address: { host: address, port } };
  if (port !== 0) {
    if (held !== formatHostPort(where.address)) await checkFree(where);
    return { address, port };
  }
  const file = join(data, 'listen-port');
  const before = readPort(file);
  if (before !== undefined) {
    const ours = held === formatHostPort({ host: address, port: before });
    if (ours || (await isFree(address, before))) return { address, port: before };
  }
  const chosen = await listening(where, () => tryPort(address, 0));
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

function isFree(host: string, port: number): Promise<boolean> {
  return tryPort(host, port).then(
    () => true,
    () => false,
  );
}
