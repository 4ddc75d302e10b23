// A control plane that starts while its store is away may lack documents that were added elsewhere: it ends no host for the lack of one.
import { expect, it } from 'vitest';
import type { ChangedIdentities } from '../../src/control/changed-identities.ts';
import { createEntitlement } from '../../src/control/entitlement.ts';
import { createNodeRegistry } from '../../src/identity/attestor/node-registry.ts';
import { createEvent } from '../../src/lib/event.ts';
import { createLifecycle } from '../../src/lib/lifecycle.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createOwnRegistry } from '../../src/registry/own-registry.ts';
import { openHosts } from '../../src/serve/open-hosts.ts';
import type { StoreTrouble } from '../../src/store/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';
import { createMemoryAudit } from '../support/memory-audit.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { meshOf, meshText, yaml } from '../support/resolve-text.ts';

it.each([
  ['away', false],
  ['read-only', true],
  [undefined, true],
] as const)('with a store that is %s, hosts without a document are evicted: %s', async (kind, evicted) => {
  const clock = createFakeClock();
  const nodes = createNodeRegistry({ nodes: createMemoryTable(), evicted: createMemoryTable(), clock });
  const key = 'a'.repeat(64);
  await nodes.remember(key, idOf('spiffe://td1/service/elsewhere'));
  const mesh = meshOf(yaml(meshText()));
  const trouble: StoreTrouble | undefined = kind && { kind, since: 0, reason: 'a test' };
  const lifecycle = createLifecycle();
  openHosts({
    identity: {
      nodes,
      entitlement: createEntitlement({ trustDomain: domainOf('td1'), mesh: () => mesh, nodes }),
      issuer: {
        issue: () => Promise.reject(new Error('not here')),
        issued: async () => [],
        watch: () => () => undefined,
      },
    },
    registry: createOwnRegistry({ leases: createMemoryTable(), clock, log: silentLog, onChange: () => undefined }),
    control: { mesh: () => mesh, endIdentity: () => undefined },
    store: { trouble: () => trouble },
    identitiesChanged: createEvent<ChangedIdentities>(),
    ...{ disconnect: () => undefined, audit: createMemoryAudit(clock), clock, log: silentLog, lifecycle },
  });
  clock.advance(61_000);
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(nodes.isEvicted(key)).toBe(evicted);
  await lifecycle.close();
});
