// A proxy that has one delta stream, acknowledges everything and remembers it, as Envoy does: it connects to any control plane, and says
// what it has.
import type { DeltaDiscoveryResponse } from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { createRawXdsClient, type DeltaStream } from './raw-xds-client.ts';
import type { TestCertificate } from './test-ca.ts';

export interface MiniProxy {
  readonly node: string;
  /** By type and name, as in `TYPE NAME`. */
  readonly has: ReadonlyMap<string, { readonly version: string; readonly bytes: Buffer }>;
  /** What came on the present stream, in order. */
  readonly came: readonly string[];
  /** Monotonic; when the first answer came on the present stream. */
  answeredAt(): number | undefined;
  /** Whether its stream is open. */
  isOpen(): boolean;
  /** Subscribes to more, now and on every later stream. */
  subscribe(typeUrl: string, names: readonly string[]): void;
  /** Ends the stream that it has, and opens another one at this port. */
  connect(port: number): void;
  close(): void;
}

export interface MiniProxyOptions {
  readonly node: string;
  readonly svid: TestCertificate;
  /** Its claims. */
  readonly cellwall: { readonly [name: string]: string };
  /** `TYPE NAME`, and its new version. */
  readonly onResource?: (name: string, bytes: Buffer) => void;
  /** The stream ended by itself. */
  readonly onEnd?: (details: string) => void;
}

const { cluster, listener } = typeUrls;

export function createMiniProxy({ node, svid, cellwall, onResource, onEnd }: MiniProxyOptions): MiniProxy {
  const has = new Map<string, { readonly version: string; readonly bytes: Buffer }>();
  const subscribed = new Map<string, Set<string>>([
    [cluster, new Set(['*'])],
    [listener, new Set(['*'])],
  ]);
  let came: string[] = [];
  let answeredAt: number | undefined;
  let current: { readonly stream: DeltaStream; close(): void } | undefined;
  const close = (): void => {
    const ending = current;
    current = undefined;
    ending?.close();
  };
  const take = ({ typeUrl, resources, removedResources }: DeltaDiscoveryResponse): void => {
    answeredAt ??= performance.now();
    for (const { name, version, resource } of resources) {
      const bytes = Buffer.from(resource?.value ?? []);
      has.set(`${typeUrl} ${name}`, { version, bytes });
      came.push(`${typeUrl} ${name}`);
      onResource?.(`${typeUrl} ${name}`, bytes);
    }
    for (const name of removedResources) has.delete(`${typeUrl} ${name}`);
  };
  return {
    node,
    has,
    get came() {
      return came;
    },
    answeredAt: () => answeredAt,
    isOpen: () => current !== undefined,
    subscribe(typeUrl, names) {
      subscribed.set(typeUrl, new Set([...(subscribed.get(typeUrl) ?? []), ...names]));
      current?.stream.send({ typeUrl, resourceNamesSubscribe: [...names] });
    },
    connect(port) {
      close();
      came = [];
      answeredAt = undefined;
      const client = createRawXdsClient(port, svid);
      const stream = client.delta();
      const mine = { stream, close: () => client.close() };
      current = mine;
      let first = true;
      for (const [typeUrl, names] of subscribed) {
        const known = [...has].filter(([key]) => key.startsWith(`${typeUrl} `));
        const initialResourceVersions = Object.fromEntries(
          known.map(([key, { version }]) => [key.slice(typeUrl.length + 1), version]),
        );
        const about = first ? { node: { id: node, metadata: { cellwall } } } : {};
        stream.send({ typeUrl, resourceNamesSubscribe: [...names], initialResourceVersions, ...about });
        first = false;
      }
      void stream.ended.then(({ details }) => {
        if (current !== mine) return;
        current = undefined;
        client.close();
        onEnd?.(details);
      });
      void (async () => {
        while (current === mine) {
          const response = await stream.next(600_000).catch(() => undefined);
          if (response === undefined || current !== mine) return;
          take(response);
          stream.send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
        }
      })();
    },
    close,
  };
}
