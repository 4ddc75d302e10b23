// When a helper reports next: regularly, and sooner after a report that did not arrive, as it said which certificate Envoy shows.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createIdentityClient } from '../../src/identity-api/client.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { reportCounters } from '../../src/sidecar/envoy/report-counters.ts';
import { createControlPlanes } from '../../src/sidecar/servers/control-planes.ts';
import { createIdentityHarness, type IdentityHarness } from '../support/identity-harness.ts';

const spiffeId = 'spiffe://td1/cell/cell-1/service/api';
const everyMs = 10_000;
const makeKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  return address.port;
}

let harness: IdentityHarness;
let envoy: Server;
let refuse: boolean;
let reports: number;

beforeEach(async () => {
  refuse = false;
  reports = 0;
  harness = await createIdentityHarness({
    counters: () => {
      reports += 1;
      if (refuse) throw new CellwallError('resource_exhausted', 'counters are reported too often');
    },
  });
  envoy = createServer((_, response) => response.end('server.uptime: 1\n'));
  await new Promise<void>((listening) => envoy.listen(0, '127.0.0.1', listening));
});

afterEach(async () => {
  envoy.close();
  await harness.close();
});

it('is sooner after a report that was refused', async () => {
  const roots = harness.roots();
  const key = makeKey();
  const { chain, bundle } = await createIdentityClient({ ...harness.address, roots }).attest({
    evidence: { attestor: 'join-token', token: (await harness.token(spiffeId)).reveal() },
    key,
    nodeKey: makeKey(),
  });
  const hour = 3_600_000;
  const svid = { chain, key, bundle, spiffeId, notBefore: new Date(), notAfter: new Date(Date.now() + hour) };
  const plans: { readonly ms: number; readonly run: () => void }[] = [];
  const reporter = reportCounters({
    servers: createControlPlanes([{ identity: harness.address, xds: harness.address }], 'seed'),
    svid: () => svid,
    ...{ instance: 'a1', run: 'r1', inbounds: [1], everyMs, log: silentLog, random: () => 0.5 },
    admin: () => ({ kind: 'tcp', host: '127.0.0.1', port: portOf(envoy) }),
    clock: {
      ...systemClock,
      after(ms, run) {
        plans.push({ ms, run });
        return () => {};
      },
    },
  });
  const next = async (): Promise<number | undefined> => {
    const planned = plans.length;
    plans.at(-1)?.run();
    await vi.waitUntil(() => plans.length > planned, { timeout: 5000 });
    return plans.at(-1)?.ms;
  };
  expect(await next()).toBe(everyMs);
  refuse = true;
  expect(await next()).toBe(5000);
  expect(reports).toBe(2);
  refuse = false;
  expect(await next()).toBe(everyMs);
  reporter.close();
});
