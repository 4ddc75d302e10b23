import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatHostPort, parseHostPort, parseIpPort } from '../../src/lib/host-port.ts';

describe('an address with a port', () => {
  it.each([
    ['127.0.0.1:18000', '127.0.0.1', 18_000],
    ['[::1]:0', '::1', 0],
    ['api.example:65535', 'api.example', 65_535],
  ])('%s is read, and written the same way', (text, host, port) => {
    expect(parseHostPort(text)).toEqual({ host, port });
    expect(formatHostPort({ host, port })).toBe(text);
  });

  it.each([
    '',
    ':80',
    '80',
    'a',
    'a:',
    'a:65536',
    'a:123456',
    '::1:80',
    '[::1]',
    '[a]:80',
    'a b:80',
    'a:80\n',
    'http://a:80',
  ])('%j is none', (text) => {
    expect(parseHostPort(text)).toBeUndefined();
  });

  it('of an IP address is none of a name', () => {
    expect(parseIpPort('[fe80::1]:443')).toEqual({ address: 'fe80::1', port: 443 });
    for (const text of ['localhost:443', '1.2.3:443', '[1:2]:443', '256.0.0.1:1'])
      expect(parseIpPort(text)).toBeUndefined();
  });

  it('is the same again, whatever address it has', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 65_535 }), (address, port) => {
        expect(parseIpPort(formatHostPort({ address, port }))).toEqual({ address, port });
      }),
    );
  });
});
