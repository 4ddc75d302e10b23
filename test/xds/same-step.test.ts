// Streams that stand alike keep one state between them, however many there are.
import { expect, test } from 'vitest';
import { stepDelta } from '../../src/xds/protocol/delta.ts';
import { createSharedSteps } from '../../src/xds/protocol/shared-steps.ts';
import { openStream, type StreamState } from '../../src/xds/protocol/stream-state.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { snapshotOf } from './xds-fixture.ts';

const typeUrl = typeUrls.cluster;
const asks = { typeUrl, subscribe: ['*'], unsubscribe: [], initialVersions: new Map(), nonce: '', error: undefined };

/** What a stream has after a push, and after its answer. */
function played(from: StreamState, snapshot: ReturnType<typeof snapshotOf>, now: number, error?: string) {
  const pushed = stepDelta(from, { kind: 'flush', snapshot, now });
  const [sent] = pushed.effects.flatMap((effect) => (effect.kind === 'send' ? [effect.sent] : []));
  const request = { ...asks, subscribe: [], nonce: sent?.nonce ?? '', error };
  const answered = stepDelta(pushed.state, { kind: 'request', request });
  return [pushed.state.subscriptions[typeUrl], answered.state.subscriptions[typeUrl]] as const;
}

test('equal streams have one subscription between them, before and after they answer', () => {
  const shared = createSharedSteps('test');
  const [one, other] = [0, 0].map(() => stepDelta(openStream(shared), { kind: 'request', request: asks }).state);
  if (one === undefined || other === undefined) throw new Error('there are two');
  const snapshot = snapshotOf(1, { cluster: { a: '1' } });
  const [first, second] = [played(one, snapshot, 1000), played(other, snapshot, 1010)];
  expect(second[0]).toBe(first[0]);
  expect(second[1]).toBe(first[1]);
  // Clusters warm from when they were sent: one that is sent them much later waits as long as the others did.
  const late = played(other, snapshot, 2000);
  expect(late[0]?.sentAt).toBe(2000);
  expect(first[0]?.sentAt).toBe(1000);
});

test('one that rejects does not take the others along', () => {
  const shared = createSharedSteps('test');
  const { state } = stepDelta(openStream(shared), { kind: 'request', request: asks });
  const snapshot = snapshotOf(1, { cluster: { a: '1' } });
  const [, refused] = played(state, snapshot, 1000, 'bad');
  const [, accepted] = played(state, snapshot, 1001);
  expect(refused).toMatchObject({ spoiled: true });
  expect(refused?.refused.size).toBe(1);
  expect(accepted).toMatchObject({ spoiled: false });
  expect(accepted?.refused.size).toBe(0);
});
