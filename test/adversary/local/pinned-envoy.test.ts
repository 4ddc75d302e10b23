// Whatever stands first on the PATH is run as Envoy with the service's key in its hands. Pinned by ENVOY_SHA256, another program is not
// even asked for its version. The control: without the pin it is.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { findEnvoy } from '../../../src/sidecar/envoy/envoy-binary.ts';

let folder: string;
let program: string;
let ran: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-pinned-'));
  program = join(folder, 'envoy');
  ran = join(folder, 'ran');
  writeFileSync(
    program,
    `#!/bin/sh\n: > ${ran}\necho 'envoy  version: ${'0'.repeat(40)}/1.40.0/Clean/RELEASE/BoringSSL'\n`,
  );
  chmodSync(program, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (): string => createHash('sha256').update(readFileSync(program)).digest('hex');
const other = '0'.repeat(64);

/** The three ways by which it is found without being fetched. */
const ways = {
  'the PATH': (pin: string) => findEnvoy({ env: { PATH: folder, ENVOY_SHA256: pin }, log: silentLog }),
  ENVOY_BIN: (pin: string) => findEnvoy({ env: { ENVOY_BIN: program, ENVOY_SHA256: pin }, log: silentLog }),
  '--envoy-bin': (pin: string) => findEnvoy({ path: program, env: { ENVOY_SHA256: pin }, log: silentLog }),
};

it.each(Object.entries(ways))('by %s: only the pinned one is run', async (_way, find) => {
  await expect(find(other)).rejects.toThrow(`has SHA-256 ${sha256()}, not that of ENVOY_SHA256`);
  await expect(find('sha256')).rejects.toThrow('64 hexadecimal digits');
  expect(existsSync(ran)).toBe(false);

  expect(await find(sha256().toUpperCase())).toBe(program);
  expect(existsSync(ran)).toBe(true);
  // The control: unpinned it is run, whatever it is.
  rmSync(ran);
  expect(await find('')).toBe(program);
  expect(existsSync(ran)).toBe(true);
});

it('what was fetched is checked, too', async () => {
  const cache = join(folder, 'cellwall');
  mkdirSync(cache);
  copyFileSync(program, join(cache, `envoy-1.40.0-${process.arch}`));
  const env = { PATH: '', XDG_CACHE_HOME: folder };
  await expect(findEnvoy({ env: { ...env, ENVOY_SHA256: other }, log: silentLog })).rejects.toThrow('ENVOY_SHA256');
  const found = await findEnvoy({ env: { ...env, ENVOY_SHA256: sha256() }, log: silentLog });
  expect(found).toBe(join(cache, `envoy-1.40.0-${process.arch}`));
});
