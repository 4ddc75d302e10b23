// What a step did, as the observer of streams is told it.
import type { NodeId } from '../../lib/node-id.ts';
import type { Effect } from '../protocol/effect.ts';
import type { StreamEvent, StreamId } from './observer.ts';

/** Written out: objects of the same shape, made for each stream, cost a fraction of copied ones. */
export function eventOf(effect: Exclude<Effect, { kind: 'later' }>, stream: StreamId, node: NodeId): StreamEvent {
  if (effect.kind === 'kept') return { stream, node, ...effect };
  const { typeUrl, nonce, version, resources, revision, changed } = effect.sent;
  switch (effect.kind) {
    case 'send':
      return { kind: 'sent', stream, node, typeUrl, nonce, version, resources, revision };
    case 'acked':
      return { kind: 'acked', stream, node, typeUrl, nonce, version, revision, refused: effect.refused };
    default:
      return { kind: 'nacked', stream, node, typeUrl, nonce, version, revision, changed, message: effect.message };
  }
}
