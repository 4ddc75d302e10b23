// Assembles what renews the SVIDs that are pushed to proxies, and keeps them on the disk.
import { join } from 'node:path';
import { createRotator, type Rotator } from '../identity/rotator.ts';
import type { Svid } from '../identity/svid.ts';
import { createSvidStore } from '../identity/svid-store.ts';
import type { Clock } from '../lib/clock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import { openTableFile } from '../store/sqlite/table-file.ts';
import type { IdentityServices } from './identity.ts';

export interface RotatorParts {
  readonly data: string;
  readonly identity: Pick<IdentityServices, 'issuer' | 'bundle'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
  readonly onChange: (node: string, svid: Svid) => void;
}

export function openRotator({ data, identity, clock, log, lifecycle, onChange }: RotatorParts): Rotator {
  const svids = openTableFile({ file: join(data, 'svids.db'), clock, log });
  lifecycle.defer('SVIDs', svids.close);
  const rotator = createRotator({
    issuer: identity.issuer,
    clock,
    log: log.child({ room: 'rotator' }),
    kept: createSvidStore({ table: svids.table, bundle: identity.bundle, clock, log }),
    onChange,
  });
  lifecycle.defer('rotator', () => rotator.close());
  return rotator;
}
