import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createRefusals } from '../../src/observe/refusals.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const one = { kind: 'denied', service: 'api', node: 'n', caller: 'plaintext', path: '/' } as const;

test("a proxy's id is the first one's that told it; what others report later is told apart by service", () => {
  const clock = createFakeClock();
  const refusals = createRefusals({ clock });
  refusals.record({ ...one, service: 'w', requestId: 'other' });
  refusals.record({ ...one, requestId: 'a', path: '/1' });
  clock.advance(10);
  refusals.record({ ...one, requestId: 'a', path: '/2' });
  for (let time = 0; time < 3; time++) refusals.record({ ...one, service: 'w', requestId: 'a', path: '/3' });
  expect(refusals.find('a')).toMatchObject({ by: 'proxy', refusals: [{ path: '/1' }, { path: '/3' }] });
  expect(refusals.find('nobody').refusals).toEqual([]);
});

test("an id that callers sent finds the newest of each caller and service, and never hides a proxy's", () => {
  const clock = createFakeClock();
  const refusals = createRefusals({ clock });
  refusals.record({ ...one, requestId: 'a', tracedAs: 'trace' });
  clock.advance(10);
  for (const number of [1, 2]) {
    refusals.record({ ...one, principal: 'w', requestId: `w${number}`, tracedAs: 'trace' });
    refusals.record({ ...one, principal: 'w', requestId: `u${number}`, tracedAs: 'a' });
  }
  expect(refusals.find('trace')).toMatchObject({ by: 'caller', refusals: [{ requestId: 'w2' }, { requestId: 'a' }] });
  expect(refusals.find('a')).toMatchObject({ by: 'proxy', refusals: [{ tracedAs: 'trace' }] });
});

test('what is known of an edge is what its two sidecars said of it, the newest first', () => {
  const clock = createFakeClock();
  const refusals = createRefusals({ clock });
  const told = { node: 'n', caller: 'mtls', path: '/' } as const;
  const failed = { ...told, kind: 'failed', requestId: '', status: 503, details: 'd' } as const;
  const say = (one: Parameters<typeof refusals.record>[0]): void => {
    clock.advance(1);
    refusals.record(one);
  };
  say({ ...told, kind: 'denied', service: 'api', principal: 'web', requestId: '1' });
  say({ ...failed, service: 'api', principal: 'web', tracedAs: '2' });
  say({ ...told, kind: 'own', service: 'web', target: 'api', requestId: '3', status: 503, details: 'd' });
  // Of other edges: another caller, another port, another service, and what web answered in place of another one.
  say({ ...told, kind: 'denied', service: 'api', principal: 'w', requestId: '4' });
  say({ ...failed, service: 'api', port: 'rest', principal: 'web', tracedAs: '5' });
  say({ ...failed, service: 'other', principal: 'web', tracedAs: '6' });
  say({ ...told, kind: 'own', service: 'web', target: 'other', requestId: '7', status: 503, details: 'd' });
  const ids = (edge: Parameters<typeof refusals.about>[0]): readonly string[] =>
    refusals.about(edge).map(({ requestId, tracedAs = '' }) => requestId || tracedAs);
  expect(ids({ own: { service: 'web', target: 'api' }, service: 'api', caller: 'web' })).toEqual(['3', '2', '1']);
  expect(ids({ service: 'api', caller: 'web' })).toEqual(['2', '1']);
  expect(ids({ service: 'api', port: 'rest', caller: 'web' })).toEqual(['5']);
  for (let more = 0; more < 200; more++) say({ ...failed, service: 'api', principal: 'web', tracedAs: `more-${more}` });
  expect(refusals.about({ service: 'api', caller: 'web' }).length).toBe(50);
});

test('what failed behind the rules is found by the id that its caller sent alone, and pushes out no refusal', () => {
  const refusals = createRefusals({ clock: createFakeClock(), serviceBytes: 10_000 });
  refusals.record({ ...one, requestId: 'refused', tracedAs: 'trace' });
  const failed = { ...one, kind: 'failed', requestId: '', status: 503, details: 'd' } as const;
  for (let number = 0; number < 1000; number++) refusals.record({ ...failed, tracedAs: `f${number}` });
  refusals.record({ ...failed, tracedAs: 'refused' });
  expect(refusals.find('f999')).toMatchObject({ by: 'caller', refusals: [{ kind: 'failed', status: 503 }] });
  expect(refusals.find('f0').refusals).toEqual([]);
  expect(refusals.find('')).toMatchObject({ refusals: [] });
  expect(refusals.find('refused')).toMatchObject({ by: 'proxy', refusals: [{ kind: 'denied' }] });
  refusals.record({ ...failed, tracedAs: 'trace' });
  expect(
    refusals
      .find('trace')
      .refusals.map(({ kind }) => kind)
      .toSorted(),
  ).toEqual(['denied', 'failed']);
});

test('a flood of one caller, or of one proxy, pushes out nothing of another', () => {
  const refusals = createRefusals({ clock: createFakeClock(), serviceBytes: 10_000, maxBytes: 30_000 });
  refusals.record({ ...one, requestId: 'mine', principal: 'spiffe://td/a' });
  refusals.record({ ...one, requestId: 'theirs', service: 'db' });
  for (let number = 0; number < 5000; number++) {
    refusals.record({ ...one, requestId: `n${number}`, principal: 'spiffe://td/w' });
    refusals.record({ ...one, requestId: `n${number}`, service: 'w', principal: `spiffe://td/forged/${number}` });
  }
  expect(refusals.find('mine').refusals).toHaveLength(1);
  expect(refusals.find('theirs').refusals).toHaveLength(1);
  expect(refusals.find('n4999').refusals).toHaveLength(2);
});

test('long texts are cut, and an id is found as it was told', () => {
  const refusals = createRefusals({ clock: createFakeClock() });
  refusals.record({ ...one, requestId: 'x'.repeat(5000), path: '/'.repeat(5000) });
  expect(refusals.find('x'.repeat(128)).refusals[0]?.path).toHaveLength(1024);
});

test('a flood of long paths and ids is kept cut, not whole', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const refusals = createRefusals({ clock: createFakeClock() });
  const long = (index: number): string => new TextDecoder().decode(Buffer.alloc(1 << 19, 97 + (index % 26)));
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let index = 0; index < 100; index++) {
    refusals.record({ ...one, requestId: long(index), path: long(index + 1) });
  }
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(40 << 20);
  expect(refusals.find(long(0)).refusals[0]?.path).toHaveLength(1024);
});
