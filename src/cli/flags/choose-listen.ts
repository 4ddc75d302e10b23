// Turns port 0 of `--listen` into a real port: a proxy registers its address before it listens. The choice is kept, so that a restart comes
// back where callers know it, and is outside the range that outgoing connections of this host may occupy.
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ensureSecretFolder, writeSecretFile } from '../../identity/secret-file.ts';
import { controlPlanePorts } from '../../lib/control-plane-ports.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { IpPort } from '../../lib/host-port.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { type LocalPorts, localPorts } from '../../lib/local-ports.ts';
import { defaultPort } from '../../lib/port-name.ts';

export interface ChooseListenOptions {
  /** Which port of the service it is for. Default: `default`. */
  readonly name?: string;
  /** "ip:port" each: they count as free, because the Envoy of this folder that has them makes way. */
  readonly held?: readonly string[];
  readonly local?: LocalPorts | undefined;
}

/** Any port but 0 is returned as it is. The choice is kept in `data`, a file for each port of the service. */
export async function chooseListen(
  { address, port }: IpPort,
  data: string,
  { name = defaultPort, held = [], local = localPorts() }: ChooseListenOptions = {},
): Promise<IpPort> {
  if (port !== 0) return { address, port };
  const file = join(data, name === defaultPort ? 'listen-port' : `listen-port-${name}`);
  const before = readPort(file);
  const ours = before !== undefined && held.includes(formatHostPort({ address, port: before }));
  const again = async (): Promise<number | undefined> =>
    before === undefined || ours ? before : await tryPort(address, before);
  const safe = before !== undefined && (ours || local?.taken(before) !== true);
  const chosen =
    (safe ? await again() : undefined) ??
    (await chooseOutside(address, local)) ??
    (await again()) ??
    (await tryPort(address, 0));
  if (chosen === undefined) throw new CellwallError('unavailable', `cannot listen on ${address}`);
  if (chosen !== before) {
    ensureSecretFolder(data);
    writeSecretFile(file, `${chosen}\n`);
  }
  return { address, port: chosen };
}

const lowest = 10_000;
const highest = 65_535;
const tries = 64;

/** Undefined without /proc, and if the kernel's range leaves no room: then the kernel chooses. */
async function chooseOutside(address: string, local: LocalPorts | undefined): Promise<number | undefined> {
  if (local === undefined) return undefined;
  for (let tried = 0; tried < tries; tried += 1) {
    const port = randomInt(lowest, highest + 1);
    if (local.taken(port) || controlPlanePorts.has(port)) continue;
    if ((await tryPort(address, port)) !== undefined) return port;
  }
  return undefined;
}

function readPort(file: string): number | undefined {
  try {
    const port = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}

/** The port, if it was available; nothing listens on it afterwards. */
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
