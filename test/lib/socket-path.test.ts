// Paths of sockets, as anybody may claim them.
import { posix } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatSocketPath, maxSocketText, parseSocketPath } from '../../src/lib/socket-path.ts';

it.each(['unix:/run/app.sock', 'unix:/var/opt/gitlab/gitlab-rails/sockets/gitlab.socket', 'unix:/a b/ä..b/...'])(
  'takes %s',
  (text) => {
    const parsed = parseSocketPath(text);
    expect(parsed).toEqual({ path: text.slice('unix:'.length) });
    if (parsed !== undefined) expect(formatSocketPath(parsed)).toBe(text);
  },
);

it.each([
  ['relative', 'unix:run/app.sock'],
  ['empty', 'unix:'],
  ['the root', 'unix:/'],
  ['a folder', 'unix:/run/'],
  ['upwards', 'unix:/run/../etc/app.sock'],
  ['upwards at the end', 'unix:/run/..'],
  ['here', 'unix:/run/./app.sock'],
  ['twice', 'unix://run/app.sock'],
  ['abstract', 'unix:@app'],
  ['abstract, by its first byte', 'unix:\0app'],
  ['a NUL', 'unix:/run/app\0.sock'],
  ['a line', 'unix:/run/app\n.sock'],
  ['a terminal', 'unix:/run/\u009b2Japp.sock'],
  ['from right to left', 'unix:/run/\u202eapp.sock'],
  ['a lone surrogate', 'unix:/run/\ud800'],
  ['too long', `unix:/${'a'.repeat(107)}`],
  ['too long in bytes', `unix:/${'ä'.repeat(54)}`],
  ['no scheme', '/run/app.sock'],
])('refuses what is %s', (_what, text) => {
  expect(parseSocketPath(text)).toBeUndefined();
});

it('whatever it takes is absolute, without detours, and fits', () => {
  const part = fc.oneof(fc.constantFrom('.', '..', '/', '@', '\0', 'unix:', 'run'), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const parsed = parseSocketPath(`unix:/${parts.join('/')}`);
      if (parsed === undefined) return;
      expect(posix.normalize(parsed.path)).toBe(parsed.path);
      expect(posix.isAbsolute(parsed.path)).toBe(true);
      expect(Buffer.byteLength(parsed.path)).toBeLessThanOrEqual(maxSocketText - 'unix:'.length);
      expect(parsed.path).not.toMatch(/\p{C}/u);
    }),
  );
});
