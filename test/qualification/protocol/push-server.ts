// A process with the real xDS server, for measuring: it pushes a revision to all nodes when its parent says so, and answers
// with the moment it did and with its memory after a collection.
import { silentLog } from '../../../src/lib/log.ts';
import type { NodeId } from '../../../src/lib/node-id.ts';
import { createSnapshotCache } from '../../../src/xds/resources/cache.ts';
import { createInterner } from '../../../src/xds/resources/interner.ts';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { listenXds } from '../../../src/xds/server/listen.ts';
import { createXdsServer } from '../../../src/xds/server/server.ts';

export type Command =
  | { readonly kind: 'push'; readonly revision: number; readonly nodes: number; readonly bytes: number }
  | { readonly kind: 'memory' };

export type Answer =
  | { readonly kind: 'listening'; readonly port: number }
  /** Epoch milliseconds, fractional. */
  | { readonly kind: 'pushed'; readonly revision: number; readonly at: number }
  | { readonly kind: 'memory'; readonly usedMiB: number; readonly cpuMs: number };

const cache = createSnapshotCache();
const interner = createInterner();
const server = createXdsServer({
  cache,
  authenticate: (_peer, { id }) => id as NodeId,
  observe: () => undefined,
  log: silentLog,
  // All its clients come at once from one address.
  limits: { silentStreams: 1000 },
});
const listener = await listenXds({ server, address: '127.0.0.1:0', log: silentLog });
const answer = (message: Answer): void => void process.send?.(message);

process.on('message', (command: Command) => {
  switch (command.kind) {
    case 'push': {
      const { revision, nodes, bytes } = command;
      const value = Buffer.alloc(bytes, `revision ${revision} `);
      const cluster = interner.encode(typeUrls.cluster, 'big', value);
      const snapshot = { revision, resources: new Map([[typeUrls.cluster, new Map([['big', cluster]])]]) };
      const at = performance.timeOrigin + performance.now();
      for (let node = 0; node < nodes; node++) cache.set(`node-${node}` as NodeId, snapshot);
      answer({ kind: 'pushed', revision, at });
      break;
    }
    case 'memory': {
      const { user, system } = process.cpuUsage();
      // What finalizers let go of is gone with the second collection.
      global.gc?.();
      setTimeout(() => {
        global.gc?.();
        const { heapUsed, external } = process.memoryUsage();
        answer({ kind: 'memory', usedMiB: (heapUsed + external) / 2 ** 20, cpuMs: (user + system) / 1000 });
      }, 50);
      break;
    }
    default:
      command satisfies never;
  }
});
answer({ kind: 'listening', port: listener.port });
