import fc from 'fast-check';
import { expect, it } from 'vitest';
import { identityOf, nodeId, readNodeId } from '../../src/lib/node-id.ts';

it('a name is read as what made it', () => {
  fc.assert(
    fc.property(fc.string(), fc.stringMatching(/^[a-z0-9-]{1,64}$/), (identity, instance) => {
      const node = nodeId(identity, instance);
      expect(readNodeId(node)).toEqual({ identity, instance });
      expect(identityOf(node)).toBe(identity);
    }),
  );
  expect(nodeId('spiffe://td1/service/api', 'a-1')).toBe('spiffe://td1/service/api~a-1');
});

it.each(['', '~', 'a', 'a~', 'a~A', 'a~b c', 'a~b\n', `a~${'a'.repeat(65)}`])('%j is no name', (text) => {
  expect(readNodeId(text)).toBeUndefined();
});
