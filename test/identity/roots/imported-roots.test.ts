// Imported roots (of regional CAs) stay beside the CA's own while that is replaced: whoever has a certificate under one of them is accepted
// in every phase, and nothing of theirs is on its way out.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { openAuthority } from '../../../src/identity/open-authority.ts';
import { createRootRotation } from '../../../src/identity/roots/rotate-root.ts';
import type { TrustBundle } from '../../../src/identity/trust-bundle.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { temporaryFolder } from '../../../src/lib/temporary-folder.ts';
import { eventually } from '../../support/eventually.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { domainOf } from '../../support/identity-harness.ts';
import { testRoot } from '../../support/test-bundle.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

it.each(['rotated', 'aborted'] as const)('ten of them, while the own root is %s', async (outcome) => {
  const folder = temporaryFolder('imported');
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const imported = await Promise.all(Array.from({ length: 10 }, () => testRoot()));
  const extraRoots = join(folder, 'regions.pem');
  writeFileSync(extraRoots, imported.join(''));
  const clock = createFakeClock(Date.now());
  const common = { trustDomain: domainOf('td1'), clock, log: silentLog };
  const authority = await openAuthority({ extraRoots }, { dir: join(folder, 'ca'), ...common });
  closers.push(authority.close);
  const roots = authority.replaceable;
  if (roots === undefined) throw new Error('the root of the built-in CA can be replaced');
  const seen: TrustBundle[] = [authority.bundle.value()];
  authority.bundle.watch((bundle) => void seen.push(bundle));
  let isHeld = outcome === 'aborted';
  const rotation = createRootRotation({
    ...{ roots, renew() {}, clock, log: silentLog },
    holdUps: async ({ rotation: going }) => ({
      holdUps: isHeld && going?.phase === 'renew' ? [{ kind: 'proxy', who: 'a', why: 'paused' }] : [],
      sequence: 0,
    }),
  });
  closers.push(rotation.close);
  const [own] = authority.ownRoots.value();
  await rotation.begin({ by: 'ann', quietMs: 0 });
  if (outcome === 'aborted') {
    await eventually('it is held up', () => rotation.look().held > 0 || undefined);
    await rotation.abort();
    isHeld = false;
  }
  await eventually('it is over', () => {
    clock.advance(1000);
    return rotation.record().rotation === undefined || undefined;
  });
  expect(rotation.record().last?.outcome).toBe(outcome);
  const last = authority.bundle.value();
  expect(last.roots).toHaveLength(11);
  expect(last.roots.includes(own ?? '')).toBe(outcome === 'aborted');
  // With both roots for a while, and then with what is left.
  expect(seen.map(({ roots: all }) => all.length)).toContain(12);
  for (const { roots: all, retiring = [] } of seen) {
    for (const root of imported) {
      expect(all).toContain(root);
      expect(retiring).not.toContain(root);
    }
  }
  const sequences = seen.map(({ sequence }) => sequence);
  expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
});
