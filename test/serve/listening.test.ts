// A port that is taken: what listens there, the port, and the flag that chooses another; of each of the three.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createLifecycle } from '../../src/lib/lifecycle.ts';
import { silentLog } from '../../src/lib/log.ts';
import { serve } from '../../src/serve/serve.ts';
import { meshText, yaml } from '../support/resolve-text.ts';
import { directoryOf } from '../support/serve-harness.ts';

let folder: string;
let other: Server;
let taken: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-listen-'));
  mkdirSync(join(folder, 'documents'));
  writeFileSync(join(folder, 'documents', 'mesh.yaml'), yaml(meshText()));
  other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  taken = (other.address() as AddressInfo).port;
});

afterEach(() => {
  other.close();
  rmSync(folder, { recursive: true, force: true });
});

it.each([
  ['xds', 'xDS', '--xds-listen'],
  ['identity', 'the identity API', '--identity-listen'],
  ['admin', 'the admin API', '--admin-listen'],
] as const)('of %s', async (name, what, flag) => {
  const lifecycle = createLifecycle();
  const free = { host: '127.0.0.1', port: 0 };
  const options = {
    store: directoryOf(join(folder, 'documents')),
    data: join(folder, 'data'),
    ...{ xds: free, identity: free, admin: free, logLevel: 'silent' as const },
    [name]: { host: '127.0.0.1', port: taken },
  };
  const signal = new AbortController().signal;
  const deps = { clock: systemClock, log: silentLog, version: '0', lifecycle, signal };
  await expect(serve(options, deps, () => {})).rejects.toMatchObject({
    code: 'unavailable',
    message: `cannot listen on 127.0.0.1:${taken} for ${what}: the port is taken`,
    hint: `see which program has it: ss -ltnp 'sport = :${taken}'; or choose another with ${flag}`,
  });
  await lifecycle.close();
});
