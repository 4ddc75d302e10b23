// Evidence of who comes to the admin API: the first request of a caller from an address, and again if it goes on an hour later. Nobody
// waits for it, and nobody can fill the log with it.
import type { AuditLog } from '../audit/audit-log.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { createSeenLately } from '../lib/seen-lately.ts';
import type { Caller } from './caller.ts';
import type { Shown } from './credential.ts';

export interface SignedIn {
  note(caller: Caller, address: string, shown: Pick<Shown, 'authorization' | 'proof' | 'session'>): void;
}

export interface SignedInDeps {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly log: Log;
}

const againMs = 3_600_000;
/** Callers and addresses that are remembered at the same time. */
const maxRemembered = 1000;
/** Records in a minute. */
const mostRecords = { count: 60, ms: 60_000 };

export function createSignedIn({ clock, audit, log }: SignedInDeps): SignedIn {
  const seen = createSeenLately({ clock, forMs: againMs, most: maxRemembered });
  let minute = { from: clock.monotonic(), count: 0 };
  return {
    note({ name, role = 'viewer' }, address, shown) {
      const credential = credentialOf(shown);
      const key = JSON.stringify([name, role, address, credential]);
      if (seen.has(key)) return;
      const now = clock.monotonic();
      if (now - minute.from >= mostRecords.ms) minute = { from: now, count: 0 };
      if (minute.count >= mostRecords.count) return;
      minute = { ...minute, count: minute.count + 1 };
      seen.add(key);
      audit
        .append({ kind: 'admin-signed-in', author: name, role, address, credential })
        .catch((reason: unknown) =>
          log.error({ author: name, reason: CellwallError.from(reason).message }, 'not in the audit log'),
        );
    },
  };
}

/** In the order in which credential.ts looks at them. */
function credentialOf({ authorization, proof, session }: Pick<Shown, 'authorization' | 'proof' | 'session'>): string {
  if (proof !== undefined) return 'proof';
  if (session !== undefined) return 'session';
  return authorization === undefined ? 'certificate' : 'token';
}
