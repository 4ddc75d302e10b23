import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sourceOf } from '../../src/lib/source-of.ts';

describe('who counts as one', () => {
  test.each([
    ['10.0.0.9', '10.0.0.9'],
    ['::ffff:10.0.0.9', '10.0.0.9'],
    ['::FFFF:a00:9', '10.0.0.9'],
    ['0:0:0:0:0:ffff:10.0.0.9', '10.0.0.9'],
    ['64:ff9b::10.0.0.9', '10.0.0.9'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64%eth0'],
    ['', ''],
    ['localhost', 'localhost'],
    [':::', ':::'],
  ])('%s is %s', (address, source) => {
    expect(sourceOf(address)).toBe(source);
  });

  test('addresses of a /64 are one source, those of two networks are two', () => {
    const half = fc.array(fc.integer({ min: 1, max: 0xffff }), { minLength: 4, maxLength: 4 });
    const text = (groups: readonly number[]): string => groups.map((group) => group.toString(16)).join(':');
    fc.assert(
      fc.property(half, half, half, half, (network, other, one, two) => {
        const source = sourceOf(text([...network, ...one]));
        expect(sourceOf(text([...network, ...two]))).toBe(source);
        expect(sourceOf(text([...other, ...one])) === source).toBe(text(network) === text(other));
      }),
    );
  });
});
