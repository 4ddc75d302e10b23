// A sidecar end to end: join token → SVID → a real Envoy that connects with it.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { uriSans } from '../../src/identity/x509/uri-sans.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { readStats } from '../../src/sidecar/envoy/read-stats.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import type { SidecarOptions } from '../../src/sidecar/sidecar-options.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFakeXds, type FakeXds } from '../support/fake-xds.ts';
import { heardLog } from '../support/heard-log.ts';
import { createIdentityHarness, type IdentityHarness } from '../support/identity-harness.ts';

const spiffeId = 'spiffe://td1/cell/cell-1/service/api';
let harness: IdentityHarness;
let xds: FakeXds;
let dir: string;
let sidecar: Sidecar | undefined;

beforeEach(async () => {
  harness = await createIdentityHarness();
  xds = await createFakeXds(harness.server.current(), harness.roots());
  dir = mkdtempSync(join(tmpdir(), 'cellwall-sidecar-'));
});

afterEach(async () => {
  await sidecar?.stop();
  sidecar = undefined;
  await xds.close();
  await harness.close();
  rmSync(dir, { recursive: true, force: true });
});

function options(more: Partial<SidecarOptions> = {}): SidecarOptions {
  return {
    identity: `127.0.0.1:${harness.address.port}`,
    xds: `127.0.0.1:${xds.port}`,
    dataDir: join(dir, 'data'),
    inbound: '127.0.0.1:19443',
    application: '127.0.0.1:9000',
    drainSeconds: 0,
    env: process.env,
    log: silentLog,
    envoyWords: { write() {} },
    ...more,
  };
}

describe('a sidecar', () => {
  it('joins by token, and its Envoy connects with its SVID; started again it needs no token', async () => {
    sidecar = await runSidecar(options({ token: await harness.token(spiffeId), instance: 'one' }));
    expect(sidecar.node).toBe(`${spiffeId}~one`);
    const first = await eventually('an xDS stream', () => xds.clients[0]);
    expect(uriSans(first.leaf.raw)).toEqual([spiffeId]);
    expect(first.path).toBe('/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources');
    expect(statSync(join(dir, 'data/svid/current/key.pem')).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, 'data/node-key.pem')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dir, 'data/envoy.json'), 'utf8')).not.toContain('cw1.');
    expect(await sidecar.stop()).toBe(0);

    sidecar = await runSidecar(options({ instance: 'one' }));
    expect(sidecar.spiffeId).toBe(spiffeId);
    await eventually('a second stream', () => xds.clients[1]);
  });

  it('renews while it runs, and its Envoy connects again with the new certificate', async () => {
    await harness.close();
    harness = await createIdentityHarness({ policy: () => ({ lifetimeMs: 3000, dnsNames: [] }) });
    await xds.close();
    xds = await createFakeXds(harness.server.current(), harness.roots());
    sidecar = await runSidecar(options({ token: await harness.token(spiffeId) }));
    const first = await eventually('an xDS stream', () => xds.clients[0]);
    const again = await eventually('a stream with another certificate', () => {
      xds.disconnect();
      return xds.clients.find(({ leaf }) => leaf.serialNumber !== first.leaf.serialNumber);
    });
    expect(uriSans(again.leaf.raw)).toEqual([spiffeId]);
  });

  it('waits for a control plane that is not there yet, and refuses one that is not the right one', async () => {
    const { port } = harness.address;
    const token = await harness.token(spiffeId);
    await harness.close();
    const starting = runSidecar(options({ token })).catch((reason: unknown) => reason);
    harness = await createIdentityHarness({ port });
    // Another control plane: the token's fingerprint is not its root's.
    expect(await starting).toMatchObject({ code: 'unauthenticated' });
  });

  it('starts without a control plane by the SVID that it has, and with one after that has ended', async () => {
    sidecar = await runSidecar(options({ token: await harness.token(spiffeId) }));
    await sidecar.stop();
    sidecar = await runSidecar(options({ identity: '127.0.0.1:1' }));
    await eventually('an xDS stream', () => xds.clients[0]);
    await sidecar.stop();
    const later = createFakeClock(Date.now() + 7_200_000);
    sidecar = await runSidecar(options({ clock: later }));
    expect(sidecar.spiffeId).toBe(spiffeId);
  });

  it('runs no Envoy for an identity that is not the wanted one', async () => {
    const verify = (id: string): never => {
      throw new CellwallError('failed_precondition', `not ${id}`);
    };
    const starting = runSidecar(options({ token: await harness.token(spiffeId), verify }));
    await expect(starting).rejects.toThrow(`not ${spiffeId}`);
    expect(existsSync(join(dir, 'data/envoy-process.json'))).toBe(false);
    expect(xds.clients).toEqual([]);
  });

  it('never takes the admin address of the Envoy before it for that of its own', async () => {
    const token = await harness.token(spiffeId);
    mkdirSync(join(dir, 'data'), { mode: 0o700 });
    writeFileSync(join(dir, 'data/admin-address'), '127.0.0.1:1');
    sidecar = await runSidecar(options({ token, admin: '127.0.0.1:0' }));
    const { admin } = sidecar;
    expect(await eventually('its admin', () => admin())).not.toEqual({ kind: 'tcp', host: '127.0.0.1', port: 1 });
  });

  it.each([
    ['callers', (port: number) => ({ inbound: `127.0.0.1:${port}` })],
    ["Envoy's admin interface", (port: number) => ({ admin: `127.0.0.1:${port}` })],
  ])('refuses an address for %s that another program has', async (what, at) => {
    const token = await harness.token(spiffeId);
    await expect(runSidecar(options({ token, ...at(xds.port) }))).rejects.toMatchObject({
      message: `cannot listen on 127.0.0.1:${xds.port} for ${what}: the port is taken`,
      hint: expect.stringContaining(`stop who has it: pid ${process.pid} (`),
    });
  });

  it('refuses an inbound address of another host, and a node key that is damaged', async () => {
    const token = await harness.token(spiffeId);
    await expect(runSidecar(options({ token, inbound: '192.0.2.1:8443' }))).rejects.toThrow(
      /this host has no such address/,
    );
    writeFileSync(join(dir, 'data/node-key.pem'), '');
    await expect(runSidecar(options({ token }))).rejects.toMatchObject({ code: 'failed_precondition' });
  });

  it('ends early, long before its drain is over, when nobody is connected', async () => {
    sidecar = await runSidecar(options({ token: await harness.token(spiffeId), drainSeconds: 20 }));
    await eventually('an xDS stream', () => xds.clients[0]);
    const start = performance.now();
    expect(await sidecar.stop()).toBe(0);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('ends well when it is stopped before its Envoy handles signals, and tells the signal that killed its Envoy', async () => {
    sidecar = await runSidecar(options({ token: await harness.token(spiffeId) }));
    expect(await sidecar.stop()).toBe(0);
    sidecar = await runSidecar(options());
    process.kill(sidecar.envoyPid, 'SIGKILL');
    expect(await sidecar.exited).toBe(137);
  });

  it('ends with the code of its Envoy', async () => {
    sidecar = await runSidecar(options({ token: await harness.token(spiffeId), envoyArgs: ['--no-such-flag'] }));
    expect(await sidecar.exited).not.toBe(0);
    sidecar = undefined;
  });

  it('quiets what its Envoy says of a control plane that is away, until it is back', async () => {
    const said: string[] = [];
    const keep = (_: object, text: string): void => void said.push(text);
    const log = heardLog({ warn: keep, info: keep });
    sidecar = await runSidecar(options({ token: await harness.token(spiffeId), log, admin: '127.0.0.1:0' }));
    const { admin } = sidecar;
    const address = await eventually('its admin', () => admin());
    const levels = (): Promise<string> => readStats(address, '/logging', 'POST');
    await eventually('an xDS stream', () => xds.clients[0]);
    expect(await levels()).toMatch(/\bconfig: warning/);
    const { port } = xds;
    await xds.close();
    await eventually('it is quiet', async () => /\bconfig: error/.test(await levels()) || undefined);
    await eventually(
      'it says why',
      () => said.some((text) => /no stream to the control plane/.test(text)) || undefined,
    );
    xds = await createFakeXds(harness.server.current(), harness.roots(), port);
    await eventually('it is not quiet', async () => /\bconfig: warning/.test(await levels()) || undefined);
    await eventually('it says so', () => said.some((text) => /is back/.test(text)) || undefined);
  }, 30_000);

  it.each([
    ['control-plane.example:1', '127.0.0.1:19443', 1],
    ['control-plane.example:1', '0.0.0.0:19443', 0],
    ['127.0.0.1:1', '127.0.0.1:19443', 0],
  ])(
    'says when callers of other hosts cannot reach it: control plane %s, listening on %s',
    async (at, inbound, count) => {
      const said: string[] = [];
      const log = heardLog({ warn: (fields: object) => void said.push(JSON.stringify(fields)) });
      await expect(runSidecar(options({ xds: at, inbound, log }))).rejects.toThrow(/neither a join token/);
      expect(said.filter((text) => text.includes('--listen'))).toHaveLength(count);
    },
  );

  it('speaks state of the world when asked', async () => {
    sidecar = await runSidecar(options({ token: await harness.token(spiffeId), variant: 'sotw' }));
    const first = await eventually('an xDS stream', () => xds.clients[0]);
    expect(first.path).toBe('/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources');
  });

  it.each([
    ['admin on all interfaces', { admin: '0.0.0.0:9901' }, /must not listen on/],
    ['an inbound host name', { inbound: 'api:80' }, /is no "ip:port"/],
    ['an instance with a tilde', { instance: 'a~b' }, /instance/],
    ['no evidence', {}, /neither a join token/],
  ])('refuses %s', async (_, more, message) => {
    await expect(runSidecar(options(more))).rejects.toThrow(message);
  });
});
