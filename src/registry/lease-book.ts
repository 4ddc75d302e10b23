// The leases of proxies in a table that replicas share: each is changed by compare-and-set, and belongs to the replica that has the proxy's
// stream. Who only believes to have it, because it was paused or cut off, changes nothing.
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { type Json, sameJson, type Table, type TableChange } from '../lib/table.ts';
import { type Lease, type LeaseWriter, leaseJson, parseLease } from './lease.ts';
import { moved } from './registered-proxy.ts';

export interface LeaseBook extends LeaseWriter {
  /** As it stands in the table, as far as is known here. */
  of(node: string): Lease | undefined;
  /** What somebody wrote there. False if a change by this replica is on its way: then `onTold` is called after it. */
  told(node: string, value: Json | undefined): boolean;
  /** The next lease of that node that is saved is taken over from whoever has it. */
  takeOver(node: string): void;
  /** Not any more. True if none was saved since. */
  keepOff(node: string): boolean;
  /** Changes it, if it is still what `make` wants to change: `undefined` if not. */
  change(node: string, make: (there: Lease) => Lease | undefined): void;
}

export interface LeaseBookDeps {
  readonly table: Table;
  /** This replica. */
  readonly id: string;
  readonly log: Log;
  /** What was taken over had been an endpoint already. */
  readonly onReady: (node: string) => void;
  readonly onTold: (change: TableChange) => void;
}

const maxTries = 10;

/** Nothing waits for what is written. */
export function createLeaseBook({ table, id, log, onReady, onTold }: LeaseBookDeps): LeaseBook {
  const known = new Map<string, Json>();
  const writing = new Map<string, Promise<void>>();
  const taking = new Set<string>();
  /** Told during a change by this replica. */
  const missed = new Set<string>();
  const know = (node: string, value: Json | undefined): void => {
    if (value === undefined) known.delete(node);
    else known.set(node, value);
  };
  const leaseOf = (node: string): Lease | undefined => {
    const value = known.get(node);
    return value === undefined ? undefined : parseLease(value);
  };
  const put = async (node: string, next: (there: Lease | undefined) => Lease | 'none' | undefined): Promise<void> => {
    for (let tries = 0; tries < maxTries; tries += 1) {
      const before = known.get(node);
      const lease = next(leaseOf(node));
      const value = lease === undefined || lease === 'none' ? undefined : leaseJson(lease);
      if (lease === undefined || sameJson(before, value)) return;
      try {
        const written = await table.compareAndSet(node, before, value);
        know(node, written ? value : await table.get(node));
        if (written) return;
      } catch (reason) {
        if (CellwallError.from(reason).code !== 'unavailable') throw reason;
        // It waits for the store; the later one counts.
        know(node, value);
        return value === undefined ? table.delete(node) : table.set(node, value);
      }
    }
    log.warn({ node }, 'a lease is not written: others change it all the time');
  };
  const lookAgain = (node: string): void => {
    table.get(node).then(
      (value) => onTold({ key: node, value }),
      (reason: unknown) => log.debug({ node, reason: String(reason) }, 'a lease cannot be read'),
    );
  };
  const write = (node: string, next: (there: Lease | undefined) => Lease | 'none' | undefined): void => {
    const task: Promise<void> = (writing.get(node) ?? Promise.resolve())
      .then(() => put(node, next))
      .catch((reason: unknown) => log.error({ node, reason: String(reason) }, 'lease not written'))
      .finally(() => {
        if (writing.get(node) !== task) return;
        writing.delete(node);
        if (missed.delete(node)) lookAgain(node);
      });
    writing.set(node, task);
  };
  /** Another replica has the proxy, or had it last. */
  const isOthers = (lease: Lease | undefined): boolean =>
    lease?.by !== undefined && lease.by !== id && lease.left !== true && lease.awaySince === undefined;
  return {
    of: leaseOf,
    told(node, value) {
      if (writing.has(node)) {
        missed.add(node);
        return false;
      }
      know(node, value);
      return true;
    },
    takeOver: (node) => void taking.add(node),
    keepOff: (node) => taking.delete(node),
    save(node, lease) {
      const take = taking.delete(node);
      const own = { ...lease, by: id };
      write(node, (there) => {
        // A goodbye that another replica took stays one.
        if (there?.left === true && there.run === lease.run && lease.left !== true) return undefined;
        if (isOthers(there) && !take && lease.left !== true) return undefined;
        const isReady = take && there !== undefined && isOthers(there) && there.ready && !moved(there, lease);
        if (!isReady || lease.ready) return own;
        queueMicrotask(() => onReady(node));
        return { ...own, ready: true };
      });
    },
    remove: (node) => write(node, (there) => (isOthers(there) ? undefined : 'none')),
    change: (node, make) => write(node, (there) => (there === undefined ? undefined : make(there))),
  };
}
