// An xDS server on a free port for the tests of this folder, with everything that it told its observer.
import type { Clock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { GrpcTransportName } from '../../src/lib/grpc-call.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import type { NodeId } from '../../src/lib/node-id.ts';
import type { Limits } from '../../src/xds/protocol/limits.ts';
import { createSnapshotCache, type SnapshotCache } from '../../src/xds/resources/cache.ts';
import { encodeResource } from '../../src/xds/resources/encode.ts';
import type { EncodedResource, Snapshot } from '../../src/xds/resources/snapshot.ts';
import { type TypeUrl, typeUrls } from '../../src/xds/resources/type-url.ts';
import type { TlsMaterial } from '../../src/xds/server/entrance.ts';
import { listenXds, type XdsListener } from '../../src/xds/server/listen.ts';
import type { StreamAuthenticator, StreamEvent, StreamObserver } from '../../src/xds/server/observer.ts';
import { createXdsServer, type XdsServer } from '../../src/xds/server/server.ts';

export const nodeKey = 'spiffe://td/service/a~1' as NodeId;
export const node = { id: nodeKey, userAgentName: 'test' };

/** Takes any node at its word, but refuses one that calls itself a stranger. */
export const byName: StreamAuthenticator = (_peer, { id }) => {
  if (id === 'stranger') throw new CellwallError('permission_denied', 'node.id is not that of the certificate');
  return id as NodeId;
};

export interface Fixture {
  readonly cache: SnapshotCache;
  readonly server: XdsServer;
  readonly listener: XdsListener;
  readonly port: number;
  readonly events: StreamEvent[];
  close(): Promise<void>;
}

export async function startXds(
  options: {
    readonly address?: string;
    readonly limits?: Partial<Limits>;
    readonly tls?: TlsMaterial;
    readonly authenticate?: StreamAuthenticator;
    readonly observe?: StreamObserver;
    readonly clock?: Clock;
    readonly log?: Log;
    readonly handshakeMs?: number;
    readonly transport?: GrpcTransportName;
    readonly connectionAgeMs?: number;
    readonly keepaliveMs?: number;
  } = {},
): Promise<Fixture> {
  const cache = createSnapshotCache();
  const events: StreamEvent[] = [];
  const server = createXdsServer({
    cache,
    authenticate: options.authenticate ?? byName,
    observe: options.observe ?? ((event) => void events.push(event)),
    log: options.log ?? silentLog,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    // One node speaks on many streams here.
    limits: { streamsOfNode: 1000, ...options.limits },
  });
  const listener = await listenXds({
    server,
    address: options.address ?? '127.0.0.1:0',
    log: silentLog,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.handshakeMs === undefined ? {} : { handshakeMs: options.handshakeMs }),
    ...(options.transport === undefined ? {} : { transport: options.transport }),
    ...(options.connectionAgeMs === undefined ? {} : { connectionAgeMs: options.connectionAgeMs }),
    ...(options.keepaliveMs === undefined ? {} : { keepaliveMs: options.keepaliveMs }),
  });
  return { cache, server, listener, port: listener.port, events, close: () => listener.close() };
}

type Kind = keyof typeof typeUrls;
/** Per type, name → any text: equal text, equal version. */
export type Contents = Partial<Record<Kind, Readonly<Record<string, string>>>>;

/** A snapshot of made-up resources; what they contain is the text, as field 1. */
export function snapshotOf(revision: number, contents: Contents): Snapshot {
  const resources = new Map<TypeUrl, ReadonlyMap<string, EncodedResource>>();
  for (const [kind, entries] of Object.entries(contents)) {
    const typeUrl = typeUrls[kind as Kind];
    resources.set(
      typeUrl,
      new Map(Object.entries(entries).map(([name, text]) => [name, encodeResource(typeUrl, name, textMessage(text))])),
    );
  }
  return { revision, resources };
}

/** A message whose field 1 is repeated, once a word. */
function textMessage(text: string): Uint8Array {
  return Buffer.concat(
    text.split(' ').map((word) => Buffer.concat([Buffer.from([0x0a, Buffer.byteLength(word)]), Buffer.from(word)])),
  );
}

/** The reverse, for assertions. */
export function textOf(value: Uint8Array): string {
  const words: string[] = [];
  for (let at = 0; at < value.length; at += 2 + (value[at + 1] ?? 0)) {
    words.push(Buffer.from(value.subarray(at + 2, at + 2 + (value[at + 1] ?? 0))).toString());
  }
  return words.join(' ');
}
