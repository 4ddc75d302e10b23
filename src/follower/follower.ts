// `cellwall serve --parent`: a cell's own control plane. What follows of that for the store and the CA.
import type { AuditLog } from '../audit/audit-log.ts';
import { openAuthority } from '../identity/open-authority.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { Store } from '../store/store.ts';
import { createFollowingStore, type FollowingStore, type Replaced } from './following-store.ts';
import { parentAuthority } from './parent-authority.ts';
import { openParentLink, type ParentLink, type ParentLinkState } from './parent-link.ts';

/** Which parent, as given on the command line. */
export interface ParentChoice {
  /** Identity APIs, "host:port", separated by commas. */
  readonly addresses: string;
  /** A join token of the parent; not needed for a restart. */
  readonly token?: Redacted<string>;
}

export interface ParentStatus extends ParentLinkState {
  /** The parent's revision that is in force here. */
  readonly inForce?: number;
  readonly replaced: Replaced;
}

export interface Follower {
  /** The store for whoever changes documents here; from now on the parent's documents are taken into `store`. */
  follow(store: Store, audit: Pick<AuditLog, 'append'>): Store;
  /** In place of `openAuthority`. */
  readonly openCa: typeof openAuthority;
  readonly status: () => ParentStatus;
  /** Whom the parent bans, and once everything is heard or it is away. */
  readonly bans: Pick<ParentLink, 'bans' | 'tried'>;
  /** The state of the parent's roots, and what is reported of their rotation. */
  readonly roots: Pick<ParentLink, 'rotation' | 'report' | 'state'>;
}

export interface FollowerDeps {
  readonly parent: ParentChoice;
  /** Mode 0700. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

/** Resolves at once, whether or not the parent is there. */
export async function openFollower({ parent, dir, clock, log, lifecycle }: FollowerDeps): Promise<Follower> {
  const link = await openParentLink({ parents: parent.addresses, token: parent.token, dir, clock, log });
  lifecycle.defer('parent', async () => link.close());
  let following: FollowingStore | undefined;
  return {
    follow(store, audit) {
      const opened = createFollowingStore({ store, audit, link, clock, log });
      following = opened;
      lifecycle.defer("parent's documents", async () => opened.close());
      return opened.store;
    },
    bans: link,
    roots: link,
    status: () => ({
      ...link.state(),
      ...defined({ inForce: following?.revision() }),
      replaced: following?.replaced() ?? { count: 0 },
    }),
    openCa(choice, deps) {
      const { kind = 'built-in', extraRoots } = choice;
      if (kind !== 'built-in') {
        throw new CellwallError('invalid_argument', `--ca ${kind} with --parent: the CA is the parent's`);
      }
      const extra = extraRoots === undefined ? {} : { extraRoots };
      return openAuthority({ ...extra, kind: 'parent' }, deps, { parent: async () => parentAuthority(link) });
    },
  };
}
