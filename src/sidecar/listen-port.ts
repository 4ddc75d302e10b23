// Where the sidecar listens when it was told "a free port": chosen once and kept, so that a restart is found where it was.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ensureSecretFolder, writeSecretFile } from '../identity/secret-file.ts';

/** `port`, or for 0 the one kept in `dataDir`, or a free one that is kept there. */
export async function listenPort(dataDir: string, address: string, port: number): Promise<number> {
  if (port !== 0) return port;
  ensureSecretFolder(dataDir);
  const file = join(dataDir, 'listen-port');
  const kept = readKept(file);
  if (kept !== undefined && (await isFree(address, kept))) return kept;
  const chosen = await freePort(address);
  writeSecretFile(file, `${chosen}\n`);
  return chosen;
}

function readKept(file: string): number | undefined {
  try {
    const port = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}

async function isFree(address: string, port: number): Promise<boolean> {
  return (await tryPort(address, port)) !== undefined;
}

async function freePort(address: string): Promise<number> {
  const port = await tryPort(address, 0);
  if (port === undefined) throw new Error(`cannot listen on ${address}`);
  return port;
}

/** The port, if it could be listened on; closed again. */
function tryPort(address: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host: address, port, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : undefined));
    });
  });
}
