// When applications are probed for ways around their sidecars, by a clock that the test moves, and what is made of the answers.
import { expect, test } from 'vitest';
import { createApplicationWatch } from '../../src/cutover/application-watch.ts';
import type { IpPort } from '../../src/lib/host-port.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import type { PortPlace } from '../../src/registry/ports.ts';
import type { RegisteredProxy } from '../../src/registry/registered-proxy.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';
import { meshOf, meshText, serviceText, yaml } from '../support/resolve-text.ts';

const meshWith = (mode: 'strict' | 'permissive') =>
  meshOf(yaml(meshText(), serviceText('api', 'http1', `, mtls: {mode: ${mode}}`)));
const [spiffeId] = [...meshWith('strict').serviceOf.keys()] as [SpiffeId];
const proxyAt = (address: string, more: Partial<RegisteredProxy> = {}): RegisteredProxy => ({
  ...{ node: `${spiffeId}~${address}`, spiffeId, state: 'connected', since: 0, ready: true },
  ...{ inbound: { address, port: 8443 }, application: { address: '127.0.0.1', port: 8080 }, ...more },
});

interface Probe {
  readonly address: string;
  answer(open?: IpPort): void;
}

function setUp(first: readonly RegisteredProxy[], mode: 'strict' | 'permissive' = 'strict') {
  const clock = createFakeClock();
  const world = { proxies: first, mesh: meshWith(mode), answer: true, open: new Map<string, IpPort>() };
  const asked: string[] = [];
  const errors: object[] = [];
  const pending: Probe[] = [];
  let atOnce = 0;
  const watch = createApplicationWatch({
    proxies: () => world.proxies,
    mesh: () => world.mesh,
    probe: ({ inbound }: Pick<PortPlace, 'inbound'>) => {
      const { address = '' } = inbound ?? {};
      asked.push(address);
      atOnce += 1;
      return new Promise((resolve) => {
        const answer = (open?: IpPort): void => {
          atOnce -= 1;
          resolve(open);
        };
        if (world.answer) answer(world.open.get(address));
        else pending.push({ address, answer });
      });
    },
    ...{ clock, random: () => 0.5 },
    log: heardLog({ error: (fields) => errors.push(fields) }),
  });
  return {
    ...{ world, watch, clock, errors, pending, atOnce: () => atOnce },
    async after(ms: number): Promise<readonly string[]> {
      for (let passed = 0; passed < ms; passed += 250) {
        clock.advance(250);
        await new Promise((done) => setImmediate(done));
      }
      return asked.splice(0);
    },
  };
}

const open = { address: '10.0.0.1', port: 8080 };

test('each soon, then twice a minute; one that is open every ten seconds; until the proxy is gone', async () => {
  const { after, world, watch } = setUp([proxyAt('10.0.0.1'), proxyAt('10.0.0.2')]);
  world.open.set('10.0.0.1', open);
  expect(await after(4000)).toEqual(['10.0.0.1', '10.0.0.2']);
  expect(await after(29_000)).toEqual(['10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.2']);
  world.proxies = [];
  await after(5000);
  expect(await after(120_000)).toEqual([]);
  watch.stop();
});

test('never what it has no business with', async () => {
  const { inbound: _, ...onlyCalls } = proxyAt('10.0.0.4');
  const { after, watch } = setUp([
    proxyAt('10.0.0.1', { replica: 'other' }),
    proxyAt('10.0.0.2', { application: { path: '/run/app.sock' } }),
    // That is the sidecar itself.
    proxyAt('10.0.0.3', { application: { address: '127.0.0.1', port: 8443 } }),
    onlyCalls,
    proxyAt('169.254.169.254'),
    proxyAt('fe80::1'),
    proxyAt('10.0.0.5', { spiffeId: 'spiffe://td1/service/nobody' as SpiffeId }),
  ]);
  expect(await after(60_000)).toEqual([]);
  watch.stop();
});

test('never two to one application, whoever asks, and few at the same time', async () => {
  const many = Array.from({ length: 200 }, (_, at) => proxyAt(`10.0.1.${at}`));
  const { after, world, watch, pending, atOnce } = setUp([
    proxyAt('10.0.0.1', { node: `${spiffeId}~a` }),
    proxyAt('10.0.0.1', { node: `${spiffeId}~b` }),
    ...many,
  ]);
  world.answer = false;
  const [both] = [proxyAt('10.0.0.1')];
  expect((await after(4000)).length).toBe(32);
  expect(atOnce()).toBe(32);
  const looks = [watch.look(both), watch.look(both)];
  expect(await after(60_000)).toEqual([]);
  for (let answered = pending.shift(); answered !== undefined; answered = pending.shift()) {
    answered.answer(answered.address === '10.0.0.1' ? open : undefined);
    await new Promise((done) => setImmediate(done));
    expect(atOnce()).toBeLessThanOrEqual(32);
    if (atOnce() === 0) break;
  }
  expect(await Promise.all(looks)).toEqual([open, open]);
  // Each of the others once.
  const rest = await after(250);
  expect(rest.length).toBe(169);
  expect(new Set(rest).size).toBe(rest.length);
  // One that was closed a moment ago is not asked again; one that was open is, as somebody may have closed it.
  pending.at(-1)?.answer();
  await after(0);
  world.answer = true;
  expect(await watch.look(proxyAt(rest.at(-1) ?? ''))).toBeUndefined();
  expect(await after(0)).toEqual([]);
  expect(await watch.look(both)).toBeUndefined();
  expect(await after(0)).toEqual(['10.0.0.1']);
  watch.stop();
});

test('what answered is among the ways around, beside what its helper says, until it is closed', async () => {
  const helper = { answers: false, why: 'ECONNREFUSED', around: ['0.0.0.0'] };
  const named = { name: 'admin', inbound: { address: '10.0.0.1', port: 8444 } };
  const proxy = proxyAt('10.0.0.1', {
    ports: [{ ...named, application: { address: '127.0.0.1', port: 9000 }, applicationState: helper }],
  });
  const status = { ...proxy, types: [] };
  const { after, world, watch } = setUp([proxy]);
  expect(watch.seen(status)).toBe(status);
  world.open.set('10.0.0.1', open);
  await after(4000);
  const seen = watch.seen(status);
  expect(seen.applicationState).toEqual({ answers: true, around: ['10.0.0.1'] });
  expect(seen.ports?.[0]?.applicationState).toEqual({ ...helper, around: ['0.0.0.0', '10.0.0.1'] });
  world.open.clear();
  await after(12_000);
  expect(watch.seen(status)).toBe(status);
  watch.stop();
});

test('one of a strict service is told once, each time that it is opened, also when only then it became strict', async () => {
  const { after, world, watch, errors } = setUp([proxyAt('10.0.0.1')], 'permissive');
  world.open.set('10.0.0.1', open);
  await after(40_000);
  expect(errors).toEqual([]);
  world.mesh = meshWith('strict');
  await after(40_000);
  expect(errors).toMatchObject([{ service: 'api', node: `${spiffeId}~10.0.0.1`, at: '10.0.0.1:8080' }]);
  world.open.clear();
  await after(12_000);
  world.open.set('10.0.0.1', open);
  await after(40_000);
  expect(errors.length).toBe(2);
  watch.stop();
});
