// Two sidecars whose clocks are off against one another, over a rotation, on new handshakes all the time: real Envoys, and certificates of
// the real issuer. Envoy runs on no clock but the system's, so the certificates are shifted: who is 90 s behind sees what others
// show him begin and end 90 s later. The controls: the same with the 30 s of an earlier version, and hosts beyond what is borne.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createIssuer } from '../../../src/identity/issuer.ts';
import { type OpenAuthority, openAuthority } from '../../../src/identity/open-authority.ts';
import { backdateFor, backdateMs } from '../../../src/identity/rotation.ts';
import { bundlePem } from '../../../src/identity/trust-bundle.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { type EchoApplication, startHttp1Echo } from '../../support/echo-application.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { httpCall } from '../../support/http-call.ts';
import { domainOf } from '../../support/identity-harness.ts';
import { createMemoryTable } from '../../support/memory-table.ts';
import type { TestCertificate } from '../../support/test-ca.ts';
import { startWallPair, testId, type WallPair } from '../../support/wall-pair.ts';
import { trustDomain } from '../../translate/mesh-text.ts';

/** Seconds that a host is ahead of the control plane. */
interface Skew {
  readonly caller: number;
  readonly service: number;
}
interface Shown extends Skew {
  /** Seconds since both certificates were issued. */
  readonly age: number;
  readonly backdateSeconds: number;
}

const lifetimeMs = 3_600_000;
/** The latest renewal: half of the life and a tenth of that (rotation.ts). */
const oldestSeconds = (lifetimeMs / 1000) * 0.55;
const generous = backdateMs / 1000;
const former = 30;
/** New handshakes that have to be seen with one pair of certificates. */
const enough = qualifying ? 25 : 8;
/** So that every connection is a new one soon. */
const connectionAgeMs = 150;

const dir = mkdtempSync(join(tmpdir(), 'cellwall-clocks-'));
let authority: OpenAuthority;
let application: EchoApplication;
let pair: WallPair;
let shown: Shown = { caller: 0, service: 0, age: 60, backdateSeconds: generous };

/** Of `name`, as the other one's clock has it. */
async function issue(name: 'api' | 'web'): Promise<TestCertificate> {
  const { caller, service, age, backdateSeconds } = shown;
  const shiftMs = ((name === 'api' ? caller : service) + age) * 1000;
  const issuer = createIssuer({
    signer: {
      sign: (request) =>
        authority.signer.sign({
          ...request,
          notBefore: new Date(request.notBefore.getTime() + backdateMs - backdateSeconds * 1000),
        }),
    },
    trustDomain: domainOf(trustDomain),
    policy: () => ({ lifetimeMs, dnsNames: [] }),
    table: createMemoryTable(),
    clock: { ...systemClock, now: () => Date.now() - shiftMs },
    log: silentLog,
  });
  const { chain, key } = await issuer.issue(testId(name));
  if (key === undefined) throw new Error('no key');
  return { certificate: chain, key: key.reveal(), root: bundlePem(authority.bundle.value()) };
}

beforeAll(async () => {
  // A day old: it is the clocks of leaves that are looked at.
  const clock = { ...systemClock, now: () => Date.now() - 86_400_000 };
  authority = await openAuthority({}, { dir, trustDomain: domainOf(trustDomain), log: silentLog, clock });
  application = await startHttp1Echo();
  pair = await startWallPair({
    api: 'protocol: http1',
    application: { address: '127.0.0.1', port: application.port },
    ca: { root: bundlePem(authority.bundle.value()), issue: ({ uri }) => issue(uri === testId('api') ? 'api' : 'web') },
    port: { connectionAgeMs },
  });
  await answers();
}, 40_000);
afterAll(async () => {
  await pair?.stop();
  await application?.stop();
  await authority?.close();
  rmSync(dir, { recursive: true, force: true });
});

const call = (): Promise<number> => httpCall({ port: pair.outbound }).then(({ status }) => status);
const answers = (): Promise<true> =>
  eventually('web calls api', async () => (await call()) === 200 || undefined, 20_000);

/** Both sidecars get new ones, and use them. */
async function rotate(next: Shown): Promise<void> {
  shown = next;
  pair.server.renew(await issue('api'));
  pair.client.renew(await issue('web'));
  for (const { ads } of [pair.server, pair.client]) {
    await eventually('accepted', () => ads.acked.has(typeUrls.secret) || undefined);
  }
}

/** That api's sidecar began, whatever came of them. */
async function handshakes(): Promise<number> {
  const stats = await (await fetch(`${pair.server.envoy.admin}/stats?filter=^listener\\..*ssl\\.`)).text();
  return [
    ...stats.matchAll(/^listener\.127\.0\.0\.1_\d+\.ssl\.(?:handshake|connection_error|fail_verify_error): (\d+)$/gm),
  ]
    .map(([, count]) => Number(count))
    .reduce((sum, count) => sum + count, 0);
}

/** Calls, one after another, until there were enough new handshakes. */
async function load(): Promise<{ readonly calls: number; readonly failed: number }> {
  const until = (await handshakes()) + enough;
  const end = performance.now() + 30_000;
  let calls = 0;
  let failed = 0;
  while ((await handshakes()) < until) {
    if (performance.now() > end) throw new Error('no new handshakes: nothing was shown');
    for (let more = 0; more < 10; more++, calls++) if ((await call()) !== 200) failed++;
  }
  return { calls, failed };
}

/** Calls on the old pair at its oldest; then over the rotation, and on the new one. */
async function overRotation(skew: Skew, backdateSeconds: number) {
  await rotate({ ...skew, age: oldestSeconds, backdateSeconds });
  const before = await load();
  const [during] = await Promise.all([load(), rotate({ ...skew, age: 0, backdateSeconds })]);
  return { before, during, after: await load() };
}

const words = ({ caller, service }: Skew, backdateSeconds: number): string =>
  `caller ${caller} s, service ${service} s, begun ${backdateSeconds} s before`;

/** Nothing of one case is left in the next. */
async function whole(): Promise<void> {
  await rotate({ caller: 0, service: 0, age: 60, backdateSeconds: generous });
  await answers();
}

test.each<Skew>([
  { caller: 90, service: -90 },
  { caller: -90, service: 90 },
  { caller: 0, service: -180 },
  { caller: -180, service: 0 },
  // All that docs/operations.md says.
  { caller: -590, service: 1600 },
  { caller: 1600, service: -590 },
])(
  'caller $caller s and service $service s off: a rotation costs no call',
  async (skew) => {
    await whole();
    const { before, during, after } = await overRotation(skew, generous);
    figure(`failedCalls ${words(skew, generous)}`, before.failed + during.failed + after.failed);
    figure(`calls ${words(skew, generous)}`, before.calls + during.calls + after.calls);
    expect([before.failed, during.failed, after.failed]).toEqual([0, 0, 0]);
  },
  90_000,
);

test.each<Skew>([
  { caller: 90, service: -90 },
  { caller: -90, service: 90 },
])(
  'control, caller $caller s and service $service s off: certificates that begin 30 s before fail until the clock has come to them',
  async (skew) => {
    await whole();
    const { before, after } = await overRotation(skew, former);
    figure(`failedCalls ${words(skew, former)}`, after.failed);
    figure(`calls ${words(skew, former)}`, after.calls);
    expect(before.failed).toBe(0);
    expect(after.failed).toBeGreaterThan(0);
    await rotate({ ...skew, age: 90 - former + 2, backdateSeconds: former });
    await answers();
  },
  90_000,
);

test.each<Skew>([
  { caller: 0, service: -1200 },
  { caller: -1200, service: 0 },
  { caller: -3230, service: 1600 },
])(
  'caller $caller s and service $service s off, as is known: certificates begin early enough for it, and a rotation costs no call',
  async (skew) => {
    await whole();
    const known = backdateFor(-1000 * Math.min(skew.caller, skew.service)) / 1000;
    const { before, during, after } = await overRotation(skew, known);
    figure(`failedCalls ${words(skew, known)}`, before.failed + during.failed + after.failed);
    figure(`calls ${words(skew, known)}`, before.calls + during.calls + after.calls);
    expect([before.failed, during.failed, after.failed]).toEqual([0, 0, 0]);
  },
  90_000,
);

test.each<readonly [string, Skew, 'before' | 'after']>([
  ['a service over ten minutes behind', { caller: 0, service: -(generous + 30) }, 'after'],
  ['a caller over ten minutes behind', { caller: -(generous + 30), service: 0 }, 'after'],
  ['a service over 27 minutes ahead', { caller: 0, service: 1650 }, 'before'],
])(
  'control, %s: more than is borne',
  async (_what, skew, when) => {
    await whole();
    const { before, after } = await overRotation(skew, generous);
    figure(`failedCalls ${words(skew, generous)}`, before.failed + after.failed);
    // While it is exchanged, whichever it is.
    expect([before.failed > 0, after.failed > 0]).toEqual([when === 'before', when === 'after']);
  },
  90_000,
);
