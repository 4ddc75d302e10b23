// What an outage of the control plane costs: nothing while it is shorter than docs/operations.md says, and afterwards nothing that does not
// come back by itself, in the same processes, within seconds of its return.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { renewalDelay } from '../../src/identity/rotation.ts';
import { workloadOf } from '../../src/policy/identities.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { idOf } from '../support/identity-harness.ts';
import { protocols } from '../support/protocol-load.ts';
import { type RecoveryWorld, startRecoveryWorld, timesLogged } from '../support/recovery-world.ts';
import { meshOf, meshText, serviceText, yaml } from '../support/resolve-text.ts';
import { projectRoot } from '../support/source-files.ts';

const minute = 60_000;
let world: RecoveryWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
}, 60_000);

const inFull = { protocols, replicas: 2, edge: true };
const inShort = { protocols: ['http1', 'tcp'], replicas: 1, edge: false } as const;
const form = qualifying ? inFull : inShort;
const expired = 'the SVID has expired: calls from and to this proxy fail until it has a new one';

it('comes back by itself after three lifetimes without a control plane, in the same processes', async () => {
  const lifetimeMs = qualifying ? 5000 : 4000;
  world = await startRecoveryWorld({ ...form, lifetimeMs });
  const { serve, sidecars, calls, controls, pids, allFine } = world;
  await allFine(60_000);
  const before = pids();
  const saidSo = (times: number): boolean => sidecars.every((one) => timesLogged(one, 50, expired) >= times);
  let [healedMs, soonestMs] = [0, Number.POSITIVE_INFINITY];
  for (let outage = 1; outage <= (qualifying ? 3 : 1); outage += 1) {
    const controlsFailed = [...controls.values()].map(({ failed }) => failed());
    const away = performance.now();
    await serve.crash(async () => {
      await eventually('it was away for three lifetimes', () => performance.now() - away > 3 * lifetimeMs, 60_000);
      for (const [what, call] of calls) {
        await eventually(`every call fails: ${what}`, () => call.fineInARow() === 0 && call.failed() > 0, 60_000);
      }
      await eventually('every helper says so, as an error', () => saidSo(outage), 30_000).catch(() => {
        throw new Error(`not every helper says so: ${sidecars.map((one) => one.log()).join('; ')}`);
      });
    });
    const returned = performance.now();
    await allFine(60_000);
    for (const call of calls.values()) {
      healedMs = Math.max(healedMs, call.lastFailure() - returned);
      soonestMs = Math.min(soonestMs, (call.firstFailureAfter(away) ?? away) - away);
    }
    // Without the wall, and where no certificate is needed, nothing failed all the while.
    expect([...controls.values()].map(({ failed }) => failed())).toEqual(controlsFailed);
  }
  expect(healedMs).toBeLessThan(10_000);
  // What was issued was good for the rest of its life.
  // With the short lives of CI, beside other tests, a renewal can be late by a part of them.
  if (qualifying) expect(soonestMs).toBeGreaterThan(0.4 * lifetimeMs);
  expect(pids()).toEqual(before);
  const { proxies } = await serve.admin.proxies();
  expect(proxies.filter(({ state, ready }) => state === 'connected' && ready)).toHaveLength(
    sidecars.length + world.edges.length,
  );
  for (const { certificate } of proxies) expect(certificate?.notAfter).toBeGreaterThan(Date.now());
  for (const one of sidecars) expect(timesLogged(one, 30, 'there is a valid SVID again')).toBeGreaterThan(0);
  figure('healedAfterReturnMs', Math.max(0, Math.round(healedMs)));
  figure('firstFailureAfterLossMs', Math.round(soonestMs));
  figure('lifetimeMs', lifetimeMs);
  figure('processes', before.length);
}, 300_000);

it('loses no call while the control plane is away for 40 % of a life', async () => {
  // What is left of a life when it is back is time enough for a busy machine.
  const lifetimeMs = qualifying ? 80_000 : 15_000;
  world = await startRecoveryWorld({ ...form, lifetimeMs });
  const { serve, calls, controls, allFine } = world;
  await allFine(60_000);
  if (qualifying) {
    // The worst moment: certificates are about to be renewed.
    const oldest = async (): Promise<number> => {
      const { proxies } = await serve.admin.proxies();
      const ends = proxies.map(({ certificate }) => certificate?.notAfter ?? 0);
      return lifetimeMs - (Math.min(...ends) - Date.now());
    };
    await eventually('one is about to be renewed', async () => (await oldest()) > 0.46 * lifetimeMs, 2 * minute);
    figure('oldestAtLossMs', Math.round(await oldest()));
  } else await serve.admin.rotate();
  const everybody = [...calls, ...controls];
  const failed = new Map(everybody.map(([what, call]) => [what, call.failed()]));
  const fine = everybody.reduce((sum, [, call]) => sum + call.fine(), 0);
  const away = performance.now();
  await serve.crash(async () => {
    await eventually('40 % of a life', () => performance.now() - away > 0.4 * lifetimeMs, 2 * minute);
  });
  const back = performance.now();
  await eventually('it renews again', () => performance.now() - back > 0.15 * lifetimeMs, 2 * minute);
  await allFine(60_000);
  for (const [what, call] of everybody) expect([what, call.failed() - (failed.get(what) ?? 0)]).toEqual([what, 0]);
  figure('requests', everybody.reduce((sum, [, call]) => sum + call.fine(), 0) - fine);
  figure('failedRequests', 0);
}, 400_000);

it('the longest outage that harms nobody is what docs/operations.md says', () => {
  // A certificate is renewed once less than this much of its life is left, whatever the jitter.
  const { identities } = meshOf(yaml(meshText(), serviceText('api')));
  const lifetimeMs = workloadOf(identities, idOf('spiffe://td1/service/api'))?.lifetimeMs ?? 0;
  const life = { notBefore: new Date(0), notAfter: new Date(lifetimeMs) };
  const left = lifetimeMs - renewalDelay(life, 0, 1);
  expect(left).toBeCloseTo(0.45 * lifetimeMs);
  // What it takes to come back, the item above holds.
  const harmless = Math.floor((left - 10_000) / minute);
  const text = readFileSync(join(projectRoot, 'docs/operations.md'), 'utf8');
  expect(text).toContain(`An outage of ${harmless} minutes harms nobody`);
});
