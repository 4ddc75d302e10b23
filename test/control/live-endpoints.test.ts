// Live endpoints are kept from one change to the next: what comes of that is what comes of looking at all proxies anew.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createLiveEndpoints } from '../../src/control/live-endpoints.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import type { RegisteredProxy } from '../../src/registry/registered-proxy.ts';
import { meshOf, meshText, serviceText, yaml } from '../support/resolve-text.ts';

const mesh = meshOf(yaml(meshText(), serviceText('a'), serviceText('b')));
const other = meshOf(yaml(meshText(), serviceText('a'), serviceText('b'), serviceText('c')));

interface Claim {
  readonly service: string;
  readonly port: number;
  readonly ready: boolean;
  readonly answers: boolean;
}

function proxyOf(node: string, { service, port, ready, answers }: Claim): RegisteredProxy {
  return {
    ...{ node, spiffeId: `spiffe://td1/service/${service}` as SpiffeId, state: 'connected', since: 0, ready },
    ...{ inbound: { address: '10.0.0.1', port }, applicationState: { answers, around: [] } },
  };
}

const claim = fc.record({
  service: fc.constantFrom('a', 'b', 'c', 'none'),
  port: fc.integer({ min: 1, max: 4 }),
  ready: fc.boolean(),
  answers: fc.boolean(),
});
const change = fc.oneof(
  fc.record({ node: fc.constantFrom('1', '2', '3', '4', '5'), claim: fc.option(claim, { nil: undefined }) }),
  fc.constant('mesh' as const),
);

it('is what it would be if all proxies were looked at again, whoever came, changed and left', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const kept = createLiveEndpoints();
      const here = new Map<string, RegisteredProxy>();
      let now = mesh;
      for (const one of changes) {
        if (one === 'mesh') now = now === mesh ? other : mesh;
        else if (one.claim === undefined) here.delete(one.node);
        else here.set(one.node, proxyOf(one.node, one.claim));
        const proxies = [...here.values()];
        const before = kept.of(now, proxies);
        expect(new Map(before)).toEqual(createLiveEndpoints().of(now, proxies));
        expect(kept.of(now, [...proxies])).toBe(before);
      }
    }),
  );
});

it('keeps the endpoints of ports that nobody came to or left', () => {
  const kept = createLiveEndpoints();
  const at = { ready: true, answers: true, port: 1 };
  const [a, b] = [proxyOf('1', { service: 'a', ...at }), proxyOf('2', { service: 'b', ...at })];
  const before = kept.of(mesh, [a, b]);
  const after = kept.of(mesh, [a, b, proxyOf('3', { service: 'b', ...at, port: 2 })]);
  const [portA, portB] = [...before.keys()];
  if (portA === undefined || portB === undefined) throw new Error('there are two');
  expect(after.get(portA)).toBe(before.get(portA));
  expect(after.get(portB)).toHaveLength(2);
});
