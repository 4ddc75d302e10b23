// Of a rejection, which resources it concerns: those that Envoy names, or all that was new.
import { expect, it } from 'vitest';
import { refusedNames } from '../../src/xds/protocol/refused-names.ts';
import { encodeResource } from '../../src/xds/resources/encode.ts';
import { type TypeUrl, typeUrls } from '../../src/xds/resources/type-url.ts';

const names = ['inbound', 'outbound:a', 'outbound:ab', 'outbound:b'];
function refused(error: string, typeUrl: TypeUrl = typeUrls.listener): readonly string[] {
  const changed = names.map((name) => encodeResource(typeUrl, name, Buffer.from(name)));
  return [...refusedNames({ typeUrl, changed }, error)];
}

it.each([
  ["Error adding/updating listener(s) outbound:ab: cannot bind '/x/s.sock': Not a directory\n", ['outbound:ab']],
  ['Error adding/updating listener(s) outbound:a: one\noutbound:b: two\n', ['outbound:a', 'outbound:b']],
  ['Error adding/updating listener(s) inbound: bad filter: outbound:b\n', ['inbound']],
])('of %j those that are named', (error, expected) => {
  expect(refused(error)).toEqual(expected);
});

it.each([
  'bad',
  'outbound:a: bad',
  'Error adding/updating listener(s) another: bad\n',
  'Error adding/updating listener(s) outbound:a: bad...(truncated)',
])('of %j all that was new', (error) => {
  expect(refused(error)).toEqual(names);
});

it('clusters likewise, and of no other type', () => {
  expect(refused('Error adding/updating cluster(s) outbound:a: bad', typeUrls.cluster)).toEqual(['outbound:a']);
  expect(refused('Error adding/updating listener(s) outbound:a: bad', typeUrls.route)).toEqual(names);
});
