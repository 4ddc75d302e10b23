// The parent that this control plane follows, if there is one.
import { join } from 'node:path';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Follower } from '../follower/follower.ts';
import type { Clock } from '../lib/clock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/store.ts';
import type { StoreKind } from '../store/store-kind.ts';
import { recordOutside } from './record-outside.ts';
import type { ServeOptions } from './serve-options.ts';

export interface OpenParentDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

/** Loaded only where it is used. */
export async function openParent(
  { parent, data }: Pick<ServeOptions, 'parent' | 'data'>,
  { clock, log, lifecycle }: OpenParentDeps,
): Promise<Follower | undefined> {
  if (parent === undefined) return undefined;
  const { openFollower } = await import('../follower/follower.ts');
  return openFollower({ parent, dir: join(data, 'parent'), clock, log: log.child({ room: 'follower' }), lifecycle });
}

/** The store through which documents are changed here, in the parent's name or as the parent allows. */
export async function storeForChanges({
  store,
  alsoChangedBy,
  audit,
  follower,
  log,
}: {
  readonly alsoChangedBy: StoreKind['alsoChangedBy'] | undefined;
  readonly store: Store;
  readonly audit: AuditLog;
  readonly follower: Follower | undefined;
  readonly log: Log;
}): Promise<Store> {
  // In a store that replicas share, changes from outside are mostly recorded by another one.
  const recorded = alsoChangedBy === 'files' ? await recordOutside({ store, audit, log }) : store;
  return follower?.follow(recorded, audit) ?? recorded;
}
