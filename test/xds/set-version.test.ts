import { expect, test } from 'vitest';
import { setVersion, versionCovers } from '../../src/xds/resources/set-version.ts';
import type { EncodedResource } from '../../src/xds/resources/snapshot.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';

const value = new Uint8Array();
const of = (name: string, version: string): EncodedResource => ({ typeUrl: typeUrls.extension, name, version, value });

test('the same set in any order has the same version, in every process', () => {
  const [a, b, c] = [of('a', '1'), of('b', '2'), of('c', '3')];
  expect(setVersion([a, b, c])).toBe(setVersion([c, of('a', '1'), b]));
  const all = 'abcdef'.split('').map((name) => of(name, '1'));
  expect(setVersion(all)).toBe(setVersion(all.toReversed()));
  expect([setVersion([a, b, c]), setVersion(all)]).toEqual([
    '1af2d5c1498c23e3.ae5d589e215b5368.ef0111dffa297309',
    '6f90743c31e67eee',
  ]);
  expect(setVersion([])).toBe('0000000000000000');
});

test('no two of many similar sets share a version, nor half of one', () => {
  const seen = [new Set<string>(), new Set<string>(), new Set<string>()];
  const others = ['x', 'y', 'z'].map((name) => of(name, '1'));
  const count = 60_000;
  for (let number = 0; number < count; number++) {
    const [one, other] = [number % 300, Math.floor(number / 300)];
    const version = setVersion([of('listener/a', `v${one}`), of('listener/b', `v${other}`), ...others]);
    seen[0]?.add(version);
    seen[1]?.add(version.slice(0, 8));
    seen[2]?.add(version.slice(8));
  }
  expect(seen[0]?.size).toBe(count);
  // Of 60,000 random 32-bit numbers, fewer than half have even one pair that is equal; ten never happen.
  for (const half of seen.slice(1)) expect(half.size).toBeGreaterThan(count - 10);
});

test('names and versions do not run into one another, and an exchange is a change', () => {
  expect(setVersion([of('ab', 'c')])).not.toBe(setVersion([of('a', 'bc')]));
  expect(setVersion([of('a', '1'), of('b', '2')])).not.toBe(setVersion([of('a', '2'), of('b', '1')]));
});

test('of a few, it says each: whoever has them has some of them, too', () => {
  const [a, b, c] = [of('a', '1'), of('b', '2'), of('c', '3')];
  const version = setVersion([a, b]);
  for (const some of [[a], [b], [b, a]]) expect(versionCovers(version, some)).toBe(true);
  for (const others of [[], [c], [a, c], [of('a', '2')]]) expect(versionCovers(version, others)).toBe(false);
  expect(versionCovers(setVersion([a]), [a])).toBe(true);
  expect(versionCovers(setVersion([]), [])).toBe(true);
  const many = 'abcdef'.split('').map((name) => of(name, '1'));
  expect(versionCovers(setVersion(many), many)).toBe(true);
  expect(versionCovers(setVersion(many), many.slice(1))).toBe(false);
  expect(versionCovers(`spoiled-${version.replaceAll('.', '-')}`, [a])).toBe(false);
});
