// What the stream server tells: who connected, what was sent, and what proxies made of it.
import type { Log } from '../lib/log.ts';
import type { NodeId } from '../lib/node-id.ts';
import { placeText } from '../model/place-text.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Acks } from '../registry/acks.ts';
import type { Registry } from '../registry/registry.ts';
import type { ChangeTraces } from '../tracing/change-traces.ts';
import type { StreamEvent } from '../xds/server/observer.ts';
import type { Pusher } from './pusher.ts';

export interface OnStreamDeps {
  readonly connected: (event: Extract<StreamEvent, { kind: 'connected' }>) => void;
  readonly pusher: Pusher;
  readonly acks: Acks;
  readonly registry: Registry;
  readonly metrics: Metrics;
  readonly traces?: ChangeTraces;
  readonly log: Log;
  /** Called when a proxy has accepted, or kept, one more type. */
  readonly accepted: (node: NodeId) => void;
}

export function createOnStream(deps: OnStreamDeps): (event: StreamEvent) => void {
  const { connected, pusher, acks, registry, metrics, traces, log, accepted } = deps;
  return (event) => {
    const { node } = event;
    switch (event.kind) {
      case 'connected':
        connected(event);
        break;
      case 'sent':
        acks.sent(event);
        metrics.pushed(event.typeUrl);
        traces?.sent(event);
        break;
      case 'acked':
        acks.acked(event, event.version, event.refused);
        traces?.acked(event);
        accepted(node);
        break;
      case 'kept':
        acks.kept(event);
        accepted(node);
        break;
      case 'nacked': {
        const { typeUrl, revision, message } = event;
        const resources = pusher.nacked(event);
        acks.nacked(event, message, resources);
        metrics.nacked(typeUrl);
        const rejected = resources.map(({ name, madeBy }) => ({ name, madeBy: madeBy.map(placeText) }));
        traces?.nacked(event, rejected);
        log.error({ node, typeUrl, revision, message, rejected }, 'a proxy rejected its configuration');
        break;
      }
      case 'disconnected':
        acks.ended(node, event.stream);
        traces?.disconnected(event.stream);
        registry.disconnected(event.stream, node);
        break;
      default:
        event satisfies never;
    }
  };
}
