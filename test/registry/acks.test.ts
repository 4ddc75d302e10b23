import { expect, it } from 'vitest';
import { createAcks } from '../../src/registry/acks.ts';

const at = (revision: number, stream = 1) => ({ node: 'n', stream, typeUrl: 't', revision });

it('remembers what was sent, accepted and rejected, a type at a time', () => {
  const acks = createAcks();
  acks.sent(at(1));
  acks.acked(at(1), 'v1', 0);
  acks.sent(at(2));
  acks.nacked(at(2), 'bad listener', []);
  const rejected = {
    typeUrl: 't',
    sentRevision: 2,
    ackedRevision: 1,
    ackedVersion: 'v1',
    nack: { revision: 2, message: 'bad listener', resources: [] },
  };
  expect(acks.of('n')).toEqual([rejected]);
  acks.acked(at(3), 'v3', 0);
  expect(acks.of('n')[0]?.nack).toBeUndefined();
  acks.forget('n');
  expect(acks.of('n')).toEqual([]);
});

it('a rejected resource stays rejected when another of its type is accepted, of the same revision or a later one', () => {
  const acks = createAcks();
  acks.sent(at(2));
  acks.nacked(at(2), 'bad filter\noutbound:api: taken\n', []);
  acks.acked(at(2), 'v2', 1);
  acks.acked(at(3), 'v3', 1);
  expect(acks.of('n')).toMatchObject([
    { ackedRevision: 3, nack: { revision: 2, message: 'bad filter; outbound:api: taken' } },
  ]);
  acks.acked(at(4), 'v4', 0);
  expect(acks.of('n')[0]?.nack).toBeUndefined();
});

it('of several streams of one type, tells what is furthest behind', () => {
  const acks = createAcks();
  acks.sent(at(1, 1));
  acks.acked(at(1, 1), 'v1', 0);
  acks.sent(at(1, 2));
  acks.acked(at(1, 2), 'v1', 0);
  acks.sent(at(5, 2));
  acks.acked(at(5, 2), 'v5', 0);
  // The first was sent nothing since, and is not behind for that.
  expect(acks.of('n')).toMatchObject([{ sentRevision: 5, ackedRevision: 5 }]);
  acks.sent(at(6, 1));
  acks.sent(at(6, 2));
  acks.acked(at(6, 2), 'v6', 0);
  expect(acks.of('n')).toMatchObject([{ sentRevision: 6, ackedRevision: 1 }]);
  acks.nacked(at(6, 1), 'bad', []);
  expect(acks.of('n')).toMatchObject([{ ackedRevision: 1, nack: { revision: 6, message: 'bad' } }]);
});

it('what an ended stream told stands until another tells more', () => {
  const acks = createAcks();
  acks.sent(at(1, 1));
  acks.nacked(at(1, 1), 'bad', []);
  acks.ended('n', 1);
  expect(acks.of('n')).toMatchObject([{ sentRevision: 1, nack: { revision: 1 } }]);
  acks.kept(at(2, 2));
  expect(acks.of('n')).toEqual([{ typeUrl: 't', ackedRevision: 2 }]);
  acks.kept(at(2, 3));
  acks.ended('n', 2);
  acks.sent(at(3, 3));
  expect(acks.of('n')).toEqual([{ typeUrl: 't', sentRevision: 3, ackedRevision: 2 }]);
});

it('tells since when it waits for the first of what a proxy has not accepted', () => {
  let now = 1000;
  const acks = createAcks(() => now);
  const since = () => acks.of('n')[0]?.behindSince;
  acks.sent(at(1));
  now = 2000;
  acks.sent(at(2));
  expect(since()).toBe(1000);
  // Of what was sent first.
  acks.acked(at(1), 'v1', 0);
  expect(since()).toBe(1000);
  acks.acked(at(2), 'v2', 0);
  expect(since()).toBeUndefined();
  acks.sent(at(3));
  acks.nacked(at(3), 'bad', []);
  now = 3000;
  acks.sent(at(4));
  expect(since()).toBe(2000);
  acks.kept(at(4, 1));
  expect(since()).toBeUndefined();
});
