import { expect, it } from 'vitest';
import { createAcks } from '../../src/registry/acks.ts';

it('remembers what was sent, accepted and rejected, a type at a time', () => {
  const acks = createAcks();
  acks.sent('n', 't', 1);
  acks.acked('n', 't', 1, 'v1');
  acks.sent('n', 't', 2);
  acks.nacked('n', 't', 2, 'bad listener');
  expect(acks.of('n')).toEqual([
    {
      typeUrl: 't',
      sentRevision: 2,
      ackedRevision: 1,
      ackedVersion: 'v1',
      nack: { revision: 2, message: 'bad listener' },
    },
  ]);
  acks.acked('n', 't', 1, 'v1');
  expect(acks.of('n')[0]?.nack?.revision).toBe(2);
  acks.acked('n', 't', 3, 'v3');
  expect(acks.of('n')[0]?.nack).toBeUndefined();
  acks.forget('n');
  expect(acks.of('n')).toEqual([]);
});
