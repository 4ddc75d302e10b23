// Every attestor there is, against the contract.
import { createJoinTokenAttestor } from '../../src/identity/attestor/join-token.ts';
import { createNodeKeyAttestor } from '../../src/identity/attestor/node-key.ts';
import { createNodeRegistry } from '../../src/identity/attestor/node-registry.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { idOf } from '../support/identity-harness.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { testBundle } from '../support/test-bundle.ts';
import { attestorContract } from './attestor-contract.ts';

const spiffeId = idOf('spiffe://td1/service/api');
const bundle = await testBundle();

attestorContract('join-token', async () => {
  const attestor = createJoinTokenAttestor({
    tokens: createMemoryTable(),
    clock: createFakeClock(),
    bundle: createWatched(bundle),
  });
  return {
    attestor,
    prove: async () => ({ token: (await attestor.createJoinToken({ spiffeId, ttlMs: 60_000 })).token.reveal() }),
    forged: [{ token: `cw1.${'a'.repeat(43)}.${'f'.repeat(43)}` }],
  };
});

attestorContract('node-key', async () => {
  const clock = createFakeClock();
  const nodes = createNodeRegistry({ nodes: createMemoryTable(), evicted: createMemoryTable(), clock });
  return {
    attestor: createNodeKeyAttestor({ nodes, clock }),
    // The key itself is the evidence.
    async prove(nodeKey) {
      await nodes.remember(nodeKey, spiffeId);
      return {};
    },
    forged: [{ nodeKey: 'a' }],
  };
});
