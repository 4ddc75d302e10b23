// The trust bundle's sequence: it goes up with every change, and never back.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepBundle } from '../../src/identity/bundle-keeper.ts';
import { silentLog } from '../../src/lib/log.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { domainOf } from '../support/identity-harness.ts';
import { testRoot } from '../support/test-bundle.ts';

const [a, b, c] = await Promise.all([testRoot(), testRoot(), testRoot()]);
let dir: string;
let file: string;
beforeEach(() => {
  dir = temporaryFolder('bundle');
  file = join(dir, 'trust-bundle.json');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function keep(own: readonly string[], extra: readonly string[] = [], clock = createFakeClock()) {
  const [first, second] = [createWatched(own), createWatched(extra)];
  const trustDomain = domainOf('td1');
  const { bundle, close } = keepBundle({ sources: [first, second], trustDomain, file, clock, log: silentLog });
  return { own: first, extra: second, bundle, close };
}

it('has the roots of all sources, and a higher sequence whenever they change', () => {
  const { own, extra, bundle } = keep([a]);
  const told: number[] = [];
  bundle.watch(({ sequence }) => told.push(sequence));
  const { sequence } = bundle.value();
  extra.set([b]);
  expect(bundle.value().roots).toEqual([a, b].sort());
  extra.set([b, a]);
  own.set([b]);
  extra.set([]);
  expect(bundle.value().roots).toEqual([b]);
  expect(told).toEqual([sequence + 1, sequence + 2]);
});

it('is the same after a restart, and higher where the roots are others by then', () => {
  const { sequence } = keep([a], [b]).bundle.value();
  expect(keep([b], [a]).bundle.value().sequence).toBe(sequence);
  expect(keep([a], [c]).bundle.value().sequence).toBe(sequence + 1);
});

it('goes not back where the file is lost or damaged, nor where the clock is', () => {
  const clock = createFakeClock();
  const { extra, bundle } = keep([a], [], clock);
  clock.advance(60_000);
  extra.set([b]);
  const { sequence } = bundle.value();
  rmSync(file);
  clock.advance(2000);
  const again = keep([a, c], [], clock).bundle.value().sequence;
  expect(again).toBeGreaterThan(sequence);
  clock.jump(-86_400_000);
  expect(keep([c], [], clock).bundle.value().sequence).toBe(again + 1);
  for (const text of ['', '{', '{"sequence":"1"}', '{"sequence":-1,"digest":"x"}', '7']) {
    writeFileSync(file, text);
    expect(keep([c]).bundle.value().sequence).toBeGreaterThan(1_000_000_000);
    expect(readFileSync(file, 'utf8')).toContain('digest');
  }
});

it('stays as it was where the roots make none', () => {
  const { own, bundle, close } = keep([a]);
  const before = bundle.value();
  own.set([]);
  own.set(['nonsense']);
  expect(bundle.value()).toBe(before);
  close();
  own.set([b]);
  expect(bundle.value()).toBe(before);
  expect(() => keep([])).toThrow(/one root at least/);
});

it('is as high as where the same roots are in force again, after others that were never in force here', () => {
  let elsewhere = 0;
  const own = createWatched<readonly string[]>([a]);
  const options = { sources: [own], trustDomain: domainOf('td1'), file, clock: createFakeClock(), log: silentLog };
  const { bundle } = keepBundle({ ...options, shared: () => elsewhere });
  const { sequence } = bundle.value();
  elsewhere = sequence + 80;
  own.set([a]);
  expect(bundle.value().sequence).toBe(sequence + 80);
  elsewhere = sequence;
  own.set([a]);
  expect(bundle.value().sequence).toBe(sequence + 80);
});
