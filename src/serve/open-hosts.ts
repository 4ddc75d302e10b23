// Assembles what ends hosts: by an operator's order, or because no document names their identity any more.
import type { AuditLog } from '../audit/audit-log.ts';
import type { ChangedIdentities } from '../control/changed-identities.ts';
import type { Control } from '../control/control.ts';
import { evictUnnamed } from '../control/evict-unnamed.ts';
import { createHosts, type Hosts, type HostsDeps } from '../control/hosts.ts';
import type { Clock } from '../lib/clock.ts';
import type { Event } from '../lib/event.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { Store } from '../store/store.ts';
import type { IdentityServices } from './identity.ts';

export interface HostsParts extends Pick<HostsDeps, 'registry' | 'disconnect'> {
  readonly identity: Pick<IdentityServices, 'nodes' | 'issuer' | 'entitlement'>;
  readonly control: Pick<Control, 'endIdentity' | 'mesh'>;
  /** While it is away, documents may have been added elsewhere: no host is ended for the lack of one. */
  readonly store: Pick<Store, 'trouble'>;
  readonly identitiesChanged: Event<ChangedIdentities>;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

export function openHosts({ identity, control, registry, disconnect, ...parts }: HostsParts): Hosts {
  const { store, identitiesChanged, audit, clock, log, lifecycle } = parts;
  const { nodes, issuer, entitlement } = identity;
  const hosts = createHosts({ nodes, registry, issuer, ended: control.endIdentity, disconnect });
  const isStale = (): boolean => control.mesh() === undefined || store.trouble?.()?.kind === 'away';
  const knows = (id: SpiffeId) => (isStale() ? undefined : entitlement.knows(id));
  const unnamed = evictUnnamed({ hosts, knows, audit, clock, log });
  identitiesChanged.listen(unnamed.changed);
  // Here they may still have connections.
  nodes.onEvicted(() => hosts.cutOff());
  lifecycle.defer('hosts', unnamed.close);
  return hosts;
}
