// A CA whose root was replaced more often than it remembers starts as before; one whose intermediates are of another CA does not.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type OpenAuthority, openAuthority } from '../../../src/identity/open-authority.ts';
import { forgetsRemoved } from '../../../src/identity/roots/roots-record.ts';
import { createRootRotation } from '../../../src/identity/roots/rotate-root.ts';
import type { ReplaceableRoots } from '../../../src/identity/upstream-authority.ts';
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

function replaceable({ replaceable: roots }: OpenAuthority): ReplaceableRoots {
  if (roots === undefined) throw new Error('the root of the built-in CA can be replaced');
  return roots;
}

it('starts although nobody remembers the root of its first intermediate, if it was replaced often enough', async () => {
  const folder = temporaryFolder('often');
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const clock = createFakeClock(Date.now());
  const open = async (): Promise<OpenAuthority> => {
    const opened = await openAuthority(
      {},
      { dir: join(folder, 'ca'), trustDomain: domainOf('td1'), clock, log: silentLog },
    );
    closers.push(opened.close);
    return opened;
  };
  const authority = await open();
  const roots = replaceable(authority);
  const rotation = createRootRotation({
    ...{ roots, renew() {}, clock, log: silentLog },
    holdUps: async () => ({ holdUps: [], sequence: 0 }),
  });
  await rotation.begin({ by: 'ann', quietMs: 0 });
  await eventually('it is over', () => {
    clock.advance(1000);
    return rotation.record().rotation === undefined || undefined;
  });
  await authority.signer.tend();
  rotation.close();
  const removed = [await testRoot()];
  const record = roots.record();
  await roots.adopt({ ...record, version: record.version + 1, removed }, 'command');
  await expect(open()).rejects.toThrow(/is not of this root/);

  while (!forgetsRemoved({ removed })) removed.push(await testRoot());
  await roots.adopt({ ...record, version: record.version + 2, removed }, 'command');
  const again = await open();
  expect(again.signer.issuer()).toEqual(authority.signer.issuer());
});
