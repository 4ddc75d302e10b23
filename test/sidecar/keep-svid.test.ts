// `svid fetch --watch`: files and watchers follow each renewal and each change of the roots, and a command is told.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTrustBundle } from '../../src/identity/trust-bundle.ts';
import { nodeKeyOf } from '../../src/identity/x509/node-key-extension.ts';
import { fromPem } from '../../src/identity/x509/pem.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { keepSvid } from '../../src/sidecar/svid/keep-svid.ts';
import { type RunOnRenewedOptions, runOnRenewed } from '../../src/sidecar/svid/on-renewed.ts';
import { createTakenMark } from '../../src/sidecar/svid/taken-mark.ts';
import { eventually } from '../support/eventually.ts';
import { createIdentityHarness, type IdentityHarness } from '../support/identity-harness.ts';
import { rootOf } from '../support/trust-bundles.ts';

const spiffeId = 'spiffe://td1/service/http-router';
let harness: IdentityHarness;
let folder: string;
let stop: AbortController;

beforeEach(async () => {
  stop = new AbortController();
  harness = await createIdentityHarness({ policy: () => ({ lifetimeMs: 3000, dnsNames: [] }) });
  folder = mkdtempSync(join(tmpdir(), 'cellwall-keep-'));
});
afterEach(async () => {
  stop.abort();
  await harness.close();
  rmSync(folder, { recursive: true, force: true });
});

test('keeps files and value fresh, each renewal with the roots of its time', async () => {
  const dir = join(folder, 'svid');
  const identity = `127.0.0.1:${harness.address.port}`;
  const token = await harness.token(spiffeId);
  const { svid } = await keepSvid({ identity, dir, token, log: silentLog, signal: stop.signal });
  expect(svid.value().spiffeId).toBe(spiffeId);
  const first = svid.value().chain;
  await eventually('it is renewed', async () => svid.value().chain !== first || undefined, 10_000);
  const { trustDomain, sequence, roots } = harness.bundle.value();
  const other = await rootOf('another root');
  harness.bundle.set(createTrustBundle({ trustDomain, sequence: sequence + 1, roots: [...roots, other] }));
  await eventually(
    'the new root is there',
    async () => svid.value().bundle.includes(other.trim()) || undefined,
    10_000,
  );
  expect(readFileSync(join(dir, 'bundle.pem'), 'utf8')).toBe(svid.value().bundle);
});

test('knows when its host was thrown out, and when it was not', async () => {
  const identity = `127.0.0.1:${harness.address.port}`;
  const start = async (name: string) => {
    const dir = join(folder, name);
    return keepSvid({ identity, dir, token: await harness.token(spiffeId), log: silentLog, signal: stop.signal });
  };
  const [evicted, other] = [await start('evicted'), await start('other')];
  const [leaf] = fromPem(evicted.svid.value().chain, 'CERTIFICATE');
  await harness.nodes.evict((leaf && nodeKeyOf(leaf)) ?? '');
  const found = await eventually('it is told', async () => evicted.refusal.value(), 10_000);
  expect(found.code).toBe('failed_precondition');
  expect(other.refusal.value()).toBeUndefined();
});

test('ends when it is told to, while it waits for a first SVID and later', async () => {
  const dir = join(folder, 'svid');
  const identity = `127.0.0.1:${harness.address.port}`;
  const early = new AbortController();
  const nobody = keepSvid({
    identity: '127.0.0.1:1',
    dir,
    token: await harness.token(spiffeId),
    log: silentLog,
    signal: early.signal,
  });
  early.abort();
  await expect(nobody).rejects.toThrow();
  const { svid } = await keepSvid({
    identity,
    dir,
    token: await harness.token(spiffeId),
    log: silentLog,
    signal: stop.signal,
  });
  const asked = (await harness.issuer.issued()).length;
  stop.abort();
  await eventually(
    'the first one has ended',
    async () => svid.value().notAfter.getTime() < Date.now() || undefined,
    10_000,
  );
  expect(await harness.issuer.issued()).toHaveLength(asked);
});

describe('the command after a renewal', () => {
  const told: string[] = [];
  const log = { ...silentLog, warn: (_: object, message: string) => void told.push(message) };
  beforeEach(() => void told.splice(0));
  const start = (command: string, more: Partial<RunOnRenewedOptions> = {}) => {
    const files = createWatched(0);
    const inUse = runOnRenewed(files, {
      command,
      env: { ...process.env, D: folder },
      log,
      signal: stop.signal,
      ...more,
    });
    return { inUse, renew: () => files.set(files.value() + 1) };
  };

  test('runs one at a time, and once more for all that came meanwhile', async () => {
    const out = join(folder, 'out');
    const { inUse, renew } = start(
      `mkdir "$D/busy" || echo two >> "$D/out"; echo run >> "$D/out"; sleep 0.2; rmdir "$D/busy"`,
    );
    expect(inUse.value()).toEqual({ files: 0 });
    for (let at = 0; at < 10; at++) renew();
    expect(inUse.value()).toEqual({ files: 0 });
    const lines = (): string[] => (existsSync(out) ? readFileSync(out, 'utf8').trim().split('\n') : []);
    // What came while it ran it may have missed.
    await eventually('the first has run', () => inUse.value().files === 1 || undefined);
    await eventually('both have run', () => inUse.value().files === 10 || undefined);
    expect(lines()).toEqual(['run', 'run']);
    renew();
    await eventually('it has run again', () => inUse.value().files === 11 || undefined);
    expect(lines()).toHaveLength(3);
    expect(told).toEqual([]);
  });

  test.each([
    ['exit 3', 'it ended with 3'],
    ['no-such-program-here', 'it ended with 127'],
    ['kill -9 $$', 'it ended with SIGKILL'],
  ])('%s is told, leaves in use what was, and hinders no later one', async (command, failed) => {
    const { inUse, renew } = start(command, { againMs: 60_000 });
    renew();
    await eventually('it is told', () => told.length === 1 || undefined);
    expect(told).toEqual(['the command after a renewal failed']);
    expect(inUse.value()).toEqual({ files: 0, failed });
    renew();
    await eventually('it is told again', () => told.length === 2 || undefined);
  });

  test('is run again, later each time, until it ends well', async () => {
    const { inUse, renew } = start('echo run >> "$D/out"; test -e "$D/well"', { againMs: 10 });
    renew();
    await eventually('it has failed three times', () => told.length === 3 || undefined);
    expect(inUse.value()).toEqual({ files: 0, failed: 'it ended with 1' });
    writeFileSync(join(folder, 'well'), '');
    await eventually('it is in use', () => inUse.value().files === 1 || undefined);
    expect(inUse.value()).toEqual({ files: 1 });
    renew();
    await eventually('so is the next one', () => inUse.value().files === 2 || undefined);
  });

  test('runs at once where the program does not have what is there', async () => {
    const { inUse } = start('test -e "$D/well"', { isBehind: true, againMs: 10 });
    expect(inUse.value().files).toBeUndefined();
    await eventually('it fails', () => inUse.value().failed !== undefined || undefined);
    writeFileSync(join(folder, 'well'), '');
    await eventually('it is in use', () => inUse.value().files === 0 || undefined);
  });

  test('that hangs is ended, with what it started', async () => {
    const pidFile = join(folder, 'pid');
    const { inUse, renew } = start(`sleep 60 & echo $! > ${pidFile}; wait`, { limitMs: 300, againMs: 60_000 });
    renew();
    await eventually('it is told', () => told.length === 2 || undefined);
    expect(inUse.value().failed).toBe('it took too long');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await eventually(
      'its child has ended',
      async () =>
        !existsSync(`/proc/${pid}/cmdline`) || readFileSync(`/proc/${pid}/cmdline`, 'utf8') === '' || undefined,
    );
  });
});

test('what its program has is remembered across restarts of the helper', () => {
  const files = { chain: 'a chain', bundle: 'roots' };
  expect(createTakenMark(folder).isBehind(files)).toBe(false);
  createTakenMark(folder).note(files);
  expect(createTakenMark(folder).isBehind(files)).toBe(false);
  expect(createTakenMark(folder).isBehind({ ...files, bundle: 'other roots' })).toBe(true);
});
