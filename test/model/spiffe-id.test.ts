// SPIFFE-ID §2, byte by byte: https://spiffe.io/docs/latest/spiffe-specs/spiffe-id/
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cellSpiffePrefix,
  parseSpiffeId,
  parseTrustDomain,
  serverSpiffeId,
  serviceSpiffeId,
  spiffePrefixSchema,
  trustDomainOf,
  trustDomainUri,
} from '../../src/model/spiffe-id.ts';

const domain = parseTrustDomain('example.org');
const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));

describe('a trust domain', () => {
  it('has exactly the bytes a-z 0-9 . - _', () => {
    const allowed = bytes.filter((byte) => parseTrustDomain(`a${byte}b`) !== undefined).join('');
    expect(allowed).toBe('-.0123456789_abcdefghijklmnopqrstuvwxyz');
  });

  it('has 1 to 255 bytes', () => {
    expect(parseTrustDomain('')).toBeUndefined();
    expect(parseTrustDomain('a'.repeat(255))).toBeDefined();
    expect(parseTrustDomain('a'.repeat(256))).toBeUndefined();
  });

  it.each(['spiffe://a', 'a:443', 'user@a', 'a/', 'a\n', 'ä', 'A'])('is not %j', (text) => {
    expect(parseTrustDomain(text)).toBeUndefined();
  });
});

describe('a SPIFFE ID', () => {
  it('has exactly the bytes A-Z a-z 0-9 . - _ in its segments', () => {
    const allowed = bytes
      .filter((byte) => byte !== '/' && parseSpiffeId(`spiffe://td/a${byte}b`) !== undefined)
      .join('');
    expect(allowed).toBe('-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz');
  });

  it.each(['spiffe://td/a', 'spiffe://td/a/b.c/D_e-F', 'spiffe://td/...', 'spiffe://td/.a', 'spiffe://1.2.3.4/x'])(
    'may be %j',
    (text) => {
      expect(parseSpiffeId(text)).toBe(text);
    },
  );

  it.each([
    '',
    'spiffe://',
    'spiffe:///a',
    'spiffe://td',
    'spiffe://td/',
    'spiffe://td/a/',
    'spiffe://td//a',
    'spiffe://td/a//b',
    'spiffe://td/.',
    'spiffe://td/..',
    'spiffe://td/a/../b',
    'spiffe://td/a/./b',
    'spiffe://td/a%2fb',
    'spiffe://td/%61',
    'spiffe://td/a?q',
    'spiffe://td/a#f',
    'spiffe://td/a b',
    'spiffe://td/a\0',
    'spiffe://td/a\n',
    'spiffe://td/ä',
    'spiffe://td/a\u200b',
    'spiffe://TD/a',
    'spiffe://td:443/a',
    'spiffe://user@td/a',
    'spiffe://user:pw@td/a',
    'spiffe://[::1]/a',
    'SPIFFE://td/a',
    'Spiffe://td/a',
    'spiffe:/td/a',
    'spiffe:td/a',
    '//td/a',
    'https://td/a',
    ' spiffe://td/a',
    'spiffe://td/a ',
    'spiffe://td\\a',
    'spiffe://td/a\\b',
    'spiffe://td/a;b',
  ])('is not %j', (text) => {
    expect(parseSpiffeId(text)).toBeUndefined();
  });

  it('has 2,048 bytes at most', () => {
    const id = `spiffe://td/${'a'.repeat(2048 - 12)}`;
    expect(id).toHaveLength(2048);
    expect(parseSpiffeId(id)).toBe(id);
    expect(parseSpiffeId(`${id}a`)).toBeUndefined();
  });

  it('never is text that a URL parser would read as another', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (tail) => {
        const id = parseSpiffeId(`spiffe://td/${tail}`);
        if (id === undefined) return;
        const url = new URL(id);
        expect([url.host, url.pathname, url.search, url.hash]).toEqual(['td', `/${tail}`, '', '']);
      }),
    );
  });
});

describe('the names made from it', () => {
  it('are SPIFFE IDs', () => {
    if (domain === undefined) throw new Error('no domain');
    const id = serviceSpiffeId(domain, 'api', 'cell-1');
    expect(id).toBe('spiffe://example.org/cell/cell-1/service/api');
    expect(parseSpiffeId(id)).toBe(id);
    expect(trustDomainOf(id)).toBe('example.org');
    expect(serviceSpiffeId(domain, 'api')).toBe('spiffe://example.org/service/api');
    expect(serverSpiffeId(domain)).toBe('spiffe://example.org/cellwall/server');
    expect(trustDomainUri(domain)).toBe('spiffe://example.org');
    expect(id.startsWith(cellSpiffePrefix(domain, 'cell-1'))).toBe(true);
    expect(serviceSpiffeId(domain, 'api', 'cell-10').startsWith(cellSpiffePrefix(domain, 'cell-1'))).toBe(false);
  });
});

describe('a prefix', () => {
  it.each(['spiffe://td/', 'spiffe://td/a/', 'spiffe://td/a/b/'])('may be %j', (text) => {
    expect(spiffePrefixSchema.safeParse(text).success).toBe(true);
  });

  it.each([
    'spiffe://td',
    'spiffe://td/a',
    'spiffe:///',
    'spiffe://',
    '/',
    'td/',
    'xxxxxxxxxtd/',
    'spiffe://td//',
    'spiffe://td/../',
    'spiffe://TD/',
    'spiffe://td/a%/',
  ])('is not %j', (text) => {
    expect(spiffePrefixSchema.safeParse(text).success).toBe(false);
  });
});
