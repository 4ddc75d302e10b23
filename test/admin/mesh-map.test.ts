// The mesh at one glance: services with their proxies, edges declared and seen, each in its worst recent state.
import { describe, expect, it } from 'vitest';
import { meshMap } from '../../src/admin/mesh-map.ts';
import type { TrafficCount } from '../../src/admin/wire.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import type { ProxyStatus } from '../../src/registry/proxy-status.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const minute = 60_000;
const now = 100 * 60 * minute;
const mesh = meshOf(
  yaml(
    meshText(),
    serviceText('web', 'http1', ', dependsOn: [{service: api, listen: 9000}]'),
    serviceText('api'),
    policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
  ),
);
const web = 'spiffe://td1/service/web';

function call(more: Partial<TrafficCount>): TrafficCount {
  return { service: 'api', caller: 'mtls', principal: web, decision: 'allowed', count: 1, lastSeen: now, ...more };
}

function map(traffic: readonly TrafficCount[], proxies: readonly ProxyStatus[] = []) {
  return meshMap({ revision: 3, mesh, traffic, callerSide: [], handshakes: [], proxies, now });
}

describe('an edge', () => {
  it('that is declared and was never seen is unseen, and no other word says that it is fine', () => {
    expect(map([]).edges).toEqual([
      expect.objectContaining({ from: 'web', to: 'api', declared: true, state: 'unseen', recent: false, allowed: 0 }),
    ]);
  });

  it('sums its calls, and has the worst state of the last five minutes', () => {
    const [edge] = map([
      call({ count: 100 }),
      call({ decision: 'failed', count: 2, lastSeen: now - minute }),
      call({ decision: 'denied', count: 5, lastSeen: now - 60 * minute }),
    ]).edges;
    expect(edge).toMatchObject({ allowed: 100, failed: 2, denied: 5, state: 'failing', recent: true, lastSeen: now });
  });

  it('fails if the proxy of the caller says so, and is seen where only that one counts', () => {
    const told = { from: 'web', to: 'api', count: 3, lastSeen: now - minute };
    const of = (decision: 'failed' | 'allowed', traffic: readonly TrafficCount[] = []) => {
      const callerSide = [
        { ...told, decision },
        { ...told, decision, to: 'gone' },
      ];
      return meshMap({ revision: 3, mesh, traffic, callerSide, handshakes: [], proxies: [], now }).edges;
    };
    expect(of('failed')).toMatchObject([{ from: 'web', to: 'api', state: 'failing', failed: 3, allowed: 0 }]);
    expect(of('failed', [call({ count: 9 })])).toMatchObject([{ state: 'failing', failed: 3, allowed: 9 }]);
    expect(of('allowed')).toMatchObject([{ state: 'allowed', allowed: 3 }]);
    // Where its own proxy reports, that counts.
    expect(of('allowed', [call({ count: 9 })])).toMatchObject([{ state: 'allowed', allowed: 9 }]);
    expect(of('allowed', [call({ decision: 'denied', count: 9 })])).toMatchObject([{ state: 'refused', allowed: 0 }]);
  });

  it('of long ago has the state of its last calls', () => {
    const [edge] = map([
      call({ decision: 'denied', lastSeen: now - 90 * minute }),
      call({ lastSeen: now - 60 * minute }),
    ]).edges;
    expect(edge).toMatchObject({ state: 'allowed', recent: false });
  });

  it.each([
    ['refused', call({ decision: 'denied' })],
    ['failing', call({ decision: 'failed' })],
    ['plaintext', call({ caller: 'plaintext', peer: '10.0.0.1' })],
    ['plaintext', call({ caller: 'legacy', peer: 'CN=old' })],
    ['allowed', call({})],
  ] as const)('is %s', (state, row) => {
    const { principal: _, ...anonymous } = row;
    const found = map([row.caller === 'mtls' ? row : anonymous]).edges.find(({ lastSeen }) => lastSeen === now);
    expect(found?.state).toBe(state);
    expect(found?.unproven).toBe(state === 'plaintext' ? 1 : 0);
  });

  it('of somebody who is no service has what is known of them', () => {
    const ci = 'spiffe://td1/ci/1';
    const { edges } = map([call({ principal: ci })]);
    expect(edges.map(({ from, declared }) => [from, declared])).toEqual([
      ['web', true],
      [ci, false],
    ]);
  });

  it('counts what a shadow policy would deny', () => {
    expect(map([call({ shadow: { decision: 'denied' }, count: 4 })]).edges[0]).toMatchObject({
      wouldBeDenied: 4,
      state: 'allowed',
    });
  });

  it('is one of 20,000 at most, those seen last', () => {
    const rows = Array.from({ length: 20_010 }, (_, at) =>
      call({ principal: `spiffe://td1/ci/${at}`, lastSeen: now - at }),
    );
    const { edges, omitted } = map(rows);
    expect(edges).toHaveLength(20_000);
    expect(omitted).toBe(11);
    expect(edges[0]?.from).toBe('spiffe://td1/ci/0');
  });
});

describe('a service', () => {
  it('has its proxies counted: connected, rejecting, without an answer of their application', () => {
    const spiffeId = parseSpiffeId('spiffe://td1/service/api');
    if (spiffeId === undefined) throw new Error('no id');
    const one: ProxyStatus = {
      node: 'a',
      spiffeId,
      service: 'api' as ServiceKey,
      state: 'connected',
      since: 0,
      ready: true,
      types: [],
    };
    const { services } = map(
      [],
      [
        one,
        { ...one, node: 'b', applicationState: { answers: false, around: [] } },
        { ...one, node: 'c', types: [{ typeUrl: 't', nack: { revision: 1, message: '', resources: [] } }] },
        { ...one, node: 'd', state: 'gone', withheld: 'x' },
      ],
    );
    expect(services.find(({ service }) => service === 'api')?.proxies).toEqual({
      connected: 3,
      held: 0,
      gone: 1,
      rejecting: 1,
      silent: 1,
    });
    expect(services.find(({ service }) => service === 'web')).toMatchObject({
      mtls: 'strict',
      policies: [],
      ports: [{ name: 'default' }],
    });
    expect(services.find(({ service }) => service === 'api')?.policies).toEqual(['AuthorizationPolicy/api']);
  });

  it('is none without documents', () => {
    expect(
      meshMap({ revision: 0, mesh: undefined, traffic: [call({})], callerSide: [], handshakes: [], proxies: [], now }),
    ).toEqual({
      ...{ revision: 0, recentMs: 5 * minute, services: [], edges: [] },
    });
  });
});
