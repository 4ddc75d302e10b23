// Equal content is one object; what nobody holds is forgotten.

import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createInterner } from '../../src/xds/resources/interner.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';

test('equal type, name, version and content give the very same object', () => {
  const interner = createInterner();
  const a = interner.encode(typeUrls.cluster, 'a', Buffer.from('x'));
  expect(interner.encode(typeUrls.cluster, 'a', Buffer.from('x'))).toBe(a);
  expect(interner.encode(typeUrls.cluster, 'b', Buffer.from('x'))).not.toBe(a);
  expect(interner.encode(typeUrls.route, 'a', Buffer.from('x'))).not.toBe(a);
  expect(interner.encode(typeUrls.cluster, 'a', Buffer.from('y'))).not.toBe(a);
  expect(interner.encode(typeUrls.cluster, 'a', Buffer.from('x'), 'serial')).not.toBe(a);
  expect(interner.size()).toBe(5);
});

test('thousands of revisions leave nothing behind', async () => {
  setFlagsFromString('--expose-gc');
  const gc: () => void = runInNewContext('gc');
  const interner = createInterner();
  const kept = interner.encode(typeUrls.cluster, 'kept', Buffer.from('x'));
  for (let revision = 0; revision < 5000; revision++) {
    interner.encode(typeUrls.cluster, 'a', Buffer.from(String(revision)));
    if (revision % 500 === 0) await turn();
  }
  const end = performance.now() + 10_000;
  while (interner.size() > 1 && performance.now() < end) {
    gc();
    await turn();
  }
  expect(interner.size()).toBe(1);
  expect(interner.encode(typeUrls.cluster, 'kept', Buffer.from('x'))).toBe(kept);
});
