// What open pages are told: how far the proxies are, and when to read again.
import { describe, expect, it } from 'vitest';
import { type PulseOf, pulseOf } from '../../../src/admin/page/pulse.ts';
import { parseSpiffeId } from '../../../src/model/spiffe-id.ts';
import type { ProxyStatus, TypeStatus } from '../../../src/registry/proxy-status.ts';

const spiffeId = parseSpiffeId('spiffe://td1/service/api');
if (spiffeId === undefined) throw new Error('no id');

function proxy(node: string, types: readonly TypeStatus[], more: Partial<ProxyStatus> = {}): ProxyStatus {
  return {
    ...{ node, spiffeId: spiffeId as NonNullable<typeof spiffeId>, state: 'connected', since: 1 },
    ...{ ready: true, types },
    ...more,
  };
}

function pulse(proxies: readonly ProxyStatus[], more: Partial<PulseOf> = {}) {
  return pulseOf({ revision: 5, published: 5, ready: true, problems: 0, proxies, ...more });
}

const accepted: TypeStatus = { typeUrl: 'l', sentRevision: 4, ackedRevision: 4 };
const open: TypeStatus = { typeUrl: 'c', sentRevision: 5, ackedRevision: 4 };
const rejected: TypeStatus = {
  typeUrl: 'c',
  sentRevision: 5,
  ackedRevision: 4,
  nack: { revision: 5, message: 'no', resources: [] },
};

describe('the rollout', () => {
  it('counts connected proxies by what they said to what they were sent', () => {
    const { rollout, proxies } = pulse([
      proxy('a', [accepted]),
      proxy('b', [accepted, open]),
      proxy('c', [accepted, rejected]),
      proxy('d', []),
      proxy('e', [accepted], { withheld: 'why' }),
      proxy('f', [open], { state: 'gone' }),
      proxy('g', [accepted], { outdated: 'too old' }),
      proxy('h', [], { replica: 'another' }),
    ]);
    expect(rollout).toEqual({ accepted: 1, pending: 2, rejected: 2, elsewhere: 1, waitingFor: ['b', 'c', 'd', 'e'] });
    expect(proxies).toEqual({ connected: 7, held: 0, gone: 1 });
  });

  it('has accepted nothing of a revision that was not sent yet', () => {
    expect(pulse([proxy('a', [accepted])], { revision: 6 }).rollout).toMatchObject({ accepted: 0, pending: 1 });
    expect(pulse([proxy('a', [accepted])], { published: undefined }).rollout).toMatchObject({ accepted: 1 });
  });

  it('names ten of those that it waits for', () => {
    const many = Array.from({ length: 30 }, (_, at) => proxy(`p${at}`, [open]));
    expect(pulse(many).rollout.waitingFor).toHaveLength(10);
  });
});

describe('the marks', () => {
  const before = pulse([proxy('a', [accepted])]).marks;

  it('stay while nothing changed', () => {
    expect(pulse([proxy('a', [accepted])]).marks).toEqual(before);
  });

  it.each([
    ['another state', [proxy('a', [accepted], { state: 'gone' })]],
    ['a later change', [proxy('a', [accepted], { since: 2 })]],
    ['an acceptance', [proxy('a', [{ ...accepted, sentRevision: 5, ackedRevision: 5 }])]],
    ['a rejection', [proxy('a', [{ ...accepted, nack: { revision: 4, message: '', resources: [] } }])]],
    ['another certificate', [proxy('a', [accepted], { certificate: { serial: '1', notAfter: 7 } })]],
    ['another proxy', [proxy('a', [accepted]), proxy('b', [accepted])]],
    ['no proxy', []],
  ] as const)('change with %s', (_what, proxies) => {
    expect(pulse(proxies).marks.proxies).not.toBe(before.proxies);
    expect(pulse(proxies).marks.documents).toBe(before.documents);
  });

  it('change with the documents', () => {
    expect(pulse([], { revision: 6 }).marks.documents).not.toBe(before.documents);
    expect(pulse([], { problems: 1 }).marks.documents).not.toBe(before.documents);
  });
});
