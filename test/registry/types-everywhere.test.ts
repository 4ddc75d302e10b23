// What proxies have accepted, for whoever decides by all of them: each replica is asked for its own.
import { expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import { createAskReplicas } from '../../src/registry/ask-replicas.ts';
import type { ProxyStatus } from '../../src/registry/proxy-status.ts';
import { createTypesEverywhere } from '../../src/registry/types-everywhere.ts';
import { createMemoryTable } from '../../src/store/memory-table.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const typeUrl = 't';
const row = (node: string, more: Partial<ProxyStatus> = {}): ProxyStatus => ({
  ...{ node, spiffeId: 'spiffe://td/a' as SpiffeId, state: 'connected', since: 1, ready: true, types: [] },
  ...more,
});
const acked = (revision: number) => ({ types: [{ typeUrl, sentRevision: revision, ackedRevision: revision }] });
const rejected = {
  types: [{ typeUrl, nack: { revision: 2, message: 'no', resources: [{ name: 'x', madeBy: [] }] } }],
};

function start(ids: readonly string[]) {
  const clock = createFakeClock();
  const [questions, answers] = [createMemoryTable(clock), createMemoryTable(clock)];
  const list = () => ids.map((id) => ({ id, alive: true, about: {} }));
  const open = (id: string) => createAskReplicas({ questions, answers, replicas: { id, list }, clock, log: silentLog });
  return { clock, open };
}

it('is what the replica says that has the stream, of everybody’s proxies', async () => {
  const { open } = start(['a', 'b']);
  const a = createTypesEverywhere(open('a'), () => [
    row('here', acked(7)),
    row('there', { replica: 'b' }),
    row('bad', { replica: 'b' }),
    // It has moved on meanwhile: what b says of it is from before.
    row('moved', { replica: 'c' }),
    row('held', { state: 'held', replica: 'b' }),
  ]);
  createTypesEverywhere(open('b'), () => [
    row('here', { replica: 'a' }),
    row('there', acked(5)),
    row('bad', rejected),
    row('moved', acked(1)),
    row('held', { ...acked(9), state: 'held' }),
  ]);
  expect(await a()).toEqual([
    row('here', acked(7)),
    row('there', { replica: 'b', ...acked(5) }),
    row('bad', { replica: 'b', ...rejected }),
    row('moved', { replica: 'c' }),
    row('held', { state: 'held', replica: 'b' }),
  ]);
});

it('is nothing known where a replica does not answer, and what is known here where there is no other', async () => {
  const { clock, open } = start(['a', 'b']);
  const asked = createTypesEverywhere(open('a'), () => [row('there', { replica: 'b' })])();
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(1500);
  expect(await asked).toEqual([row('there', { replica: 'b' })]);
  expect(await createTypesEverywhere(undefined, () => [row('here', acked(1))])()).toEqual([row('here', acked(1))]);
});
