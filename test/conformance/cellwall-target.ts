// The project's own server as a target: in this process, over its cache.

import type { GrpcTransportName } from '../../src/lib/grpc-call.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { NodeId } from '../../src/lib/node-id.ts';
import { createSnapshotCache } from '../../src/xds/resources/cache.ts';
import { createInterner } from '../../src/xds/resources/interner.ts';
import type { EncodedResource } from '../../src/xds/resources/snapshot.ts';
import { type TypeUrl, typeUrls } from '../../src/xds/resources/type-url.ts';
import { listenXds } from '../../src/xds/server/listen.ts';
import { createXdsServer } from '../../src/xds/server/server.ts';
import { codecs } from './contents.ts';
import type { RunningTarget, Target } from './target.ts';
import { kinds } from './variant.ts';

export const cellwallTarget = createCellwallTarget('http2');

export function createCellwallTarget(transport: GrpcTransportName): Target {
  return { name: `cellwall over ${transport}`, start: () => start(transport) };
}

async function start(transport: GrpcTransportName): Promise<RunningTarget> {
  const cache = createSnapshotCache();
  const interner = createInterner();
  // Who may have which node.id is no matter of the protocol.
  const server = createXdsServer({
    cache,
    authenticate: (_peer, { id }) => id as NodeId,
    observe: () => undefined,
    log: silentLog,
  });
  const listener = await listenXds({ server, address: '127.0.0.1:0', log: silentLog, transport });
  let revision = 0;
  return {
    address: `127.0.0.1:${listener.port}`,
    async set(node, contents) {
      const resources = new Map<TypeUrl, ReadonlyMap<string, EncodedResource>>();
      for (const kind of kinds) {
        const entries = Object.entries(contents[kind] ?? {}).map(
          ([name, text]) => [name, interner.encode(typeUrls[kind], name, codecs[kind].encode(name, text))] as const,
        );
        resources.set(typeUrls[kind], new Map(entries));
      }
      cache.set(node as NodeId, { revision: ++revision, resources });
    },
    stop: () => listener.close(),
  };
}
