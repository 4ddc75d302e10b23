// Deleting a Service or Workload evicts its hosts: if it is applied again, under the same name, it may be somebody else's until they join.
import type { AuditLog } from '../audit/audit-log.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { ChangedIdentities } from './changed-identities.ts';
import type { Hosts } from './hosts.ts';

export interface EvictUnnamedDeps {
  readonly hosts: Hosts;
  /** Whether a document names it, or it is an operator's; undefined as long as there are no documents. */
  readonly knows: (id: SpiffeId) => boolean | undefined;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly log: Log;
}

export interface EvictUnnamed {
  /** Identities that no longer have a document, and those that have one (again). */
  changed(change: ChangedIdentities): void;
  close(): void;
}

/** What was deleted while the control plane was down is determined this long after its start: then its documents are settled. */
const settledMs = 60_000;

/**
 * Some time after the start it checks every host that joined, because documents may have changed meanwhile. A failure
 * is logged.
 */
export function evictUnnamed({ hosts, knows, audit, clock, log }: EvictUnnamedDeps): EvictUnnamed {
  const evict = async (ids: readonly SpiffeId[]): Promise<void> => {
    for (const spiffeId of ids) {
      const nodeKeys = await hosts.evictAll(spiffeId);
      await Promise.all(
        nodeKeys.map((nodeKey) => audit.append({ kind: 'host-evicted', author: 'documents', nodeKey })),
      );
      if (nodeKeys.length === 0) continue;
      log.warn({ spiffeId, hosts: nodeKeys.length }, 'no document names this identity any more: its hosts are evicted');
    }
  };
  // One after another: if it is applied again at once, the earlier hosts are already evicted.
  let queue = Promise.resolve();
  const then = (task: () => Promise<void>): void => {
    queue = queue.then(task).catch((reason: unknown) => {
      const { message } = CellwallError.from(reason);
      log.error({ reason: message }, 'hosts of a deleted identity are not evicted: cellwall node evict');
    });
  };
  const lookAll = async (): Promise<void> => {
    const ids = new Set((await hosts.list()).map(({ spiffeId }) => spiffeId));
    await evict([...ids].filter((id) => knows(id) === false));
  };
  const close = clock.after(settledMs, () => then(lookAll));
  return {
    changed({ gone, added, templates }) {
      if (templates) then(lookAll);
      if (gone.length > 0) then(() => evict(gone));
      if (added.length > 0) then(async () => hosts.cutOff());
    },
    close,
  };
}
