// Attempts without a valid credential, and beyond a role: limited by address and by the name they claim, logged, and put into the audit log
// within bounds, so that nobody can fill it. A valid token is never locked out by somebody else's wrong ones.
import type { AuditEvent } from '../audit/audit-event.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { sourceOf } from '../lib/source-of.ts';
import type { Access, Caller } from './caller.ts';

export interface FailedTries {
  /**
   * No valid credential. `named`: whose it claimed to be. Returns what to throw: `unauthenticated`, or `resource_exhausted` after too many.
   */
  refused(from: { readonly address: string; readonly named?: string | undefined }, message: string): CellwallError;
  /** Somebody who is known elsewhere, and is nobody here. Counted by name alone: behind a proxy many have one address. */
  nobody(name: string, address: string, why: string): void;
  /** A credential that is not sufficient. Returns `permission_denied`, or `resource_exhausted`. */
  denied(
    caller: Caller,
    address: string,
    what: { readonly route: string; readonly needs: Access | 'raw-resources' },
  ): CellwallError;
}

export interface FailedTriesDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Pick<AuditLog, 'append'>;
  /** In a minute, for an address or a name, before the answer is to wait (and attempts are no longer logged). Default 10. */
  readonly maxFailures?: number;
}

const windowMs = 60_000;
/** Addresses and names that are counted at the same time. */
const maxCounted = 1000;
/** Audit records in a minute, in total. */
const maxRecords = 60;

/** In memory, bounded; by monotonic time. */
export function createFailedTries({ clock, log, audit, maxFailures = 10 }: FailedTriesDeps): FailedTries {
  const counted = new Map<string, { readonly since: number; readonly count: number }>();

  const count = (key: string): number => {
    const now = clock.monotonic();
    const known = counted.get(key);
    const entry =
      known === undefined || now - known.since >= windowMs
        ? { since: now, count: 1 }
        : { since: known.since, count: known.count + 1 };
    counted.delete(key);
    counted.set(key, entry);
    for (const oldest of counted.keys()) {
      if (counted.size <= maxCounted) break;
      counted.delete(oldest);
    }
    return entry.count;
  };
  /** Nobody waits for it. */
  const record = async (event: AuditEvent): Promise<void> => {
    if (count('records') > maxRecords) return;
    try {
      await audit.append(event);
    } catch (reason) {
      // It is refused all the same.
      log.error({ reason: CellwallError.from(reason).message }, 'a refused attempt is not in the audit log');
    }
  };
  /** For an address or a name: the first, and the last before silence. */
  const isRecorded = (failures: number): boolean => failures === 1 || failures === maxFailures;
  const last = (failures: number): string =>
    failures === maxFailures ? '; further ones within the same minute are not logged' : '';
  const tooMany = (whose: string): CellwallError =>
    new CellwallError('resource_exhausted', `too many failed attempts ${whose}`, {
      hint: 'wait a minute, and use the token of <data>/admin.token, or one of "cellwall admin-token create"',
    });

  return {
    refused({ address, named }, message) {
      const counts = [count(`address ${sourceOf(address)}`), ...(named === undefined ? [] : [count(`name ${named}`)])];
      const failures = Math.max(...counts);
      if (failures > maxFailures) return tooMany('from this address');
      const whose = named === undefined ? {} : { named };
      log.warn({ address, ...whose, failures }, `admin request without a valid token${last(failures)}`);
      if (counts.some(isRecorded)) void record({ kind: 'admin-refused', address, ...whose, failures });
      return new CellwallError('unauthenticated', message, {
        hint:
          'send "authorization: Bearer <token>"; the token is in <data>/admin.token of the control plane, or of ' +
          '"cellwall admin-token create"',
      });
    },
    nobody(name, address, why) {
      const failures = count(`nobody ${name}`);
      if (failures > maxFailures) return;
      log.warn({ named: name, address, why, failures }, `somebody signed in who is nobody here${last(failures)}`);
      if (isRecorded(failures)) void record({ kind: 'admin-refused', address, named: name, failures });
    },
    denied({ name, role = 'viewer' }, address, { route, needs }) {
      const failures = count(`denied ${name}`);
      if (failures > maxFailures) return tooMany(`of ${name}`);
      log.warn({ author: name, role, route, needs, address }, `admin request beyond its role${last(failures)}`);
      if (isRecorded(failures)) void record({ kind: 'admin-denied', author: name, address, route, needs, failures });
      return new CellwallError(
        'permission_denied',
        `${name} is ${/^[ae]/.test(role) ? 'an' : 'a'} ${role}: ${route} needs the role ${needs}`,
        {
          hint: 'ask an admin for a token of that role: cellwall admin-token create',
        },
      );
    },
  };
}
