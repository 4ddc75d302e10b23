// Retries a listener that Envoy could not bind because its port was taken: Envoy itself retries only a listener that changed, so a field
// without any effect is changed. Only the listeners named in its rejection: an update drains the connections of the others.
import { create, toBinary } from '@bufbuild/protobuf';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import type { Clock } from '../lib/clock.ts';
import { encodeResource } from '../xds/resources/encode.ts';
import type { EncodedResource, Snapshot } from '../xds/resources/snapshot.ts';
import { typeUrls } from '../xds/resources/type-url.ts';

export interface BindAgain {
  /** The proxy rejected listeners of `snapshot`. */
  nacked(node: string, message: string, snapshot: Snapshot | undefined): void;
  /** The snapshot with the changes for a retry. The same object if there is nothing to retry. */
  apply(node: string, snapshot: Snapshot): Snapshot;
  forget(node: string): void;
}

export interface BindAgainDeps {
  readonly clock: Clock;
  /** Publishes to the proxy again. */
  readonly again: (node: string) => void;
}

interface Tries {
  /** By listener: how often it was changed. */
  readonly listeners: Map<string, number>;
  failures: number;
  cancel: (() => void) | undefined;
}

const firstMs = 1000;
const longestMs = 20_000;
const taken = /cannot bind|address already in use/i;

/** The time between tries doubles, for each proxy. */
export function createBindAgain({ clock, again }: BindAgainDeps): BindAgain {
  const nodes = new Map<string, Tries>();
  return {
    nacked(node, message, snapshot) {
      if (!taken.test(message)) return;
      const text = ` ${message.replace(/\s+/g, ' ')}`;
      const names = [...(snapshot?.resources.get(typeUrls.listener)?.keys() ?? [])].filter((name) =>
        text.includes(` ${name}: `),
      );
      if (names.length === 0) return;
      const tries = nodes.get(node) ?? { listeners: new Map<string, number>(), failures: 0, cancel: undefined };
      nodes.set(node, tries);
      if (tries.cancel !== undefined) return;
      const ms = Math.min(longestMs, firstMs * 2 ** Math.min(tries.failures, 10));
      tries.failures += 1;
      tries.cancel = clock.after(ms, () => {
        tries.cancel = undefined;
        for (const name of names) tries.listeners.set(name, (tries.listeners.get(name) ?? 0) + 1);
        again(node);
      });
    },
    apply(node, snapshot) {
      const listeners = nodes.get(node)?.listeners;
      const before = snapshot.resources.get(typeUrls.listener);
      if (listeners === undefined || listeners.size === 0 || before === undefined) return snapshot;
      const changed = [...before].map(([name, resource]): [string, EncodedResource] => {
        const count = listeners.get(name);
        return [name, count === undefined ? resource : withCount(resource, count)];
      });
      return { ...snapshot, resources: new Map(snapshot.resources).set(typeUrls.listener, new Map(changed)) };
    },
    forget(node) {
      nodes.get(node)?.cancel?.();
      nodes.delete(node);
    },
  };
}

/** Later occurrences of a message's fields are merged into earlier ones. */
function withCount({ typeUrl, name, value }: EncodedResource, count: number): EncodedResource {
  const more = create(ListenerSchema, { metadata: { filterMetadata: { 'cellwall.bind': { tries: count } } } });
  return encodeResource(typeUrl, name, Buffer.concat([value, toBinary(ListenerSchema, more)]));
}
