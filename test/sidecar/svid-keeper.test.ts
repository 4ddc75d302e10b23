// When an SVID is renewed: by the time that passes, by the date of a clock that jumps, and not in a rush.
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CellwallError } from '../../src/lib/errors.ts';
import type { HostPort } from '../../src/lib/host-port.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { loadNodeKey } from '../../src/sidecar/svid/node-key.ts';
import { createSvidFiles, type StoredSvid, type SvidFiles } from '../../src/sidecar/svid/svid-files.ts';
import { createSvidKeeper, type SvidKeeper } from '../../src/sidecar/svid/svid-keeper.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';
import { createIdentityHarness, type IdentityHarness } from '../support/identity-harness.ts';
import { oneServer } from '../support/one-server.ts';

const minute = 60_000;
let harness: IdentityHarness;
let dir: string;
let clock: FakeClock;
let keeper: SvidKeeper | undefined;
let renewed: StoredSvid[];
let warnings: string[];

beforeEach(async () => {
  harness = await createIdentityHarness();
  dir = mkdtempSync(join(tmpdir(), 'cellwall-keeper-'));
  clock = createFakeClock(Date.now());
  renewed = [];
  warnings = [];
});

afterEach(async () => {
  keeper?.close();
  await harness.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Its SVIDs live for an hour. */
async function start(
  files: SvidFiles = createSvidFiles(join(dir, 'svid')),
  server: HostPort = harness.address,
): Promise<SvidKeeper> {
  const warn = (fields: object): void => void warnings.push(JSON.stringify(fields));
  const log: Log = heardLog({ warn, error: warn });
  keeper = await createSvidKeeper({
    servers: oneServer(server),
    token: await harness.token('spiffe://td1/service/api'),
    nodeKey: await loadNodeKey(dir),
    files,
    clock,
    log,
    random: () => 0.5,
    onRenewed: (svid) => void renewed.push(svid),
  });
  return keeper;
}

const renewals = (count: number): Promise<true> =>
  eventually(`renewal ${count}`, () => (renewed.length >= count ? true : undefined));

describe('an SVID', () => {
  it('is renewed at half its life', async () => {
    await start();
    clock.advance(29 * minute);
    expect(renewed).toEqual([]);
    clock.advance(2 * minute);
    await renewals(1);
  });

  it('is renewed within half a minute when the date has jumped past its half life', async () => {
    await start();
    clock.jump(45 * minute);
    clock.advance(minute / 2);
    await renewals(1);
  });

  it('is renewed in time when the date has jumped back', async () => {
    await start();
    clock.jump(-24 * 60 * minute);
    clock.advance(31 * minute);
    await renewals(1);
    // And after that: half of its life, not of what seems to be left.
    clock.advance(31 * minute);
    await renewals(2);
  });

  it('is not renewed without end when even a new one has ended by the clock of this host', async () => {
    await start();
    clock.jump(120 * minute);
    clock.advance(minute / 2);
    await renewals(1);
    await eventually('a warning', () => (warnings.length > 0 ? true : undefined));
    expect(warnings).toEqual([
      expect.stringMatching(/"offsetSeconds":7230/),
      expect.stringMatching(/has ended by the clock of this host/),
    ]);
    clock.advance(400);
    expect(renewed).toHaveLength(1);
    clock.advance(minute / 2);
    await renewals(2);
  });

  it('is not asked for any longer once its keeper is closed', async () => {
    await start();
    keeper?.close();
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const asked = new Promise<Socket>((resolve) => silent.once('connection', resolve));
    await start(createSvidFiles(join(dir, 'svid')), {
      host: '127.0.0.1',
      port: (silent.address() as AddressInfo).port,
    });
    clock.advance(31 * minute);
    const socket = await asked;
    const ended = new Promise<void>((resolve) => socket.on('error', () => {}).once('close', () => resolve()));
    socket.resume();
    const before = performance.now();
    keeper?.close();
    await ended;
    expect(performance.now() - before).toBeLessThan(2000);
    expect(warnings).toEqual([]);
    silent.close();
  });

  it('of another identity than the wanted one is not kept, so that the right token does afterwards', async () => {
    const wrong = await harness.token('spiffe://td1/service/web');
    const wanted = (id: string): void => {
      if (id !== 'spiffe://td1/service/api') throw new CellwallError('failed_precondition', `not ${id}`);
    };
    const options = { servers: oneServer(harness.address), nodeKey: await loadNodeKey(dir), clock, log: silentLog };
    const files = createSvidFiles(join(dir, 'svid'));
    await expect(createSvidKeeper({ ...options, files, token: wrong, verify: wanted })).rejects.toThrow('not spiffe');
    expect(files.read()).toBeUndefined();
    const right = await harness.token('spiffe://td1/service/api');
    keeper = await createSvidKeeper({ ...options, files, token: right, verify: wanted });
    expect(keeper.current().spiffeId).toBe('spiffe://td1/service/api');
  });

  it('of a control plane that was made anew is replaced by the token, and only then is the token used', async () => {
    const first = (await start()).current();
    keeper?.close();
    expect((await start()).current().chain).toBe(first.chain);
    keeper?.close();
    await harness.close();
    harness = await createIdentityHarness();
    const second = (await start()).current();
    expect(second.chain).not.toBe(first.chain);
    expect(second.bundle).toBe(harness.roots());
    expect(warnings).toEqual([expect.stringContaining(first.notAfter.toISOString())]);
  });

  it('is used as before where the token of another root does not help', async () => {
    const first = (await start()).current();
    keeper?.close();
    const elsewhere = await createIdentityHarness();
    const token = await elsewhere.token('spiffe://td1/service/api');
    await elsewhere.close();
    const log: Log = heardLog({ warn: (_, text) => void warnings.push(text) });
    const files = createSvidFiles(join(dir, 'svid'));
    const nodeKey = await loadNodeKey(dir);
    keeper = await createSvidKeeper({ servers: oneServer(harness.address), token, nodeKey, files, clock, log });
    expect(keeper.current().chain).toBe(first.chain);
    expect(warnings.at(-1)).toMatch(/did not help/);
  });

  it('that cannot be written fails the start at once, and is asked for once', async () => {
    let written = 0;
    const full: SvidFiles = {
      read: () => undefined,
      write() {
        written += 1;
        throw new CellwallError('failed_precondition', 'cannot write key.pem (ENOSPC)');
      },
    };
    await expect(start(full)).rejects.toThrow('ENOSPC');
    expect(written).toBe(1);
  });
});
