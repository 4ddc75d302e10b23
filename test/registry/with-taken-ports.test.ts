// What a helper says of taken ports is kept for that life of its proxy, and for no other's.
import { expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { parseSpiffeId, type SpiffeId } from '../../src/model/spiffe-id.ts';
import { createOwnRegistry } from '../../src/registry/own-registry.ts';
import { withTakenPorts } from '../../src/registry/with-taken-ports.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const spiffeId = parseSpiffeId('spiffe://td/service/api') as SpiffeId;
const node = `${spiffeId}~a`;
const taken = [{ address: '127.0.0.1', port: 9001, holder: 'pid 1 (x)' }];

it('is of one run, of one host, and goes with the proxy', () => {
  const clock = createFakeClock();
  const leases = createMemoryTable(new Map());
  const registry = withTakenPorts(
    createOwnRegistry({ leases, clock, log: silentLog, holdDownMs: 1000, onChange: () => {} }),
  );
  const told = (): unknown => registry.proxies()[0]?.takenPorts;
  const unknown = expect.objectContaining({ code: 'unavailable' });
  expect(() => registry.takenPorts(node, { run: 'r1', taken })).toThrow(unknown);
  registry.connected(1, { node, spiffeId, run: 'r1', holder: 'k1' });
  expect(() => registry.takenPorts(node, { run: 'r2', taken }, 'k1')).toThrow(unknown);
  expect(() => registry.takenPorts(node, { run: 'r1', taken }, 'k2')).toThrow();
  expect(told()).toBeUndefined();
  registry.takenPorts(node, { run: 'r1', taken }, 'k1');
  expect(told()).toEqual(taken);
  expect(registry.get(node)?.takenPorts).toEqual(taken);
  registry.takenPorts(node, { run: 'r1', taken: [] }, 'k1');
  expect(told()).toBeUndefined();
  registry.takenPorts(node, { run: 'r1', taken }, 'k1');
  registry.disconnected(1, node);
  registry.connected(2, { node, spiffeId, run: 'r2', holder: 'k1' });
  expect(told()).toBeUndefined();
});
