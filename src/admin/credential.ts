// The bearer token: compared in constant time, failures limited per address and logged. A right token is never locked out by
// somebody else's wrong ones.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';

export interface CredentialCheck {
  /** Throws `unauthenticated`, or `resource_exhausted` after too many failures. */
  check(authorization: string | undefined, address: string): void;
  /** Another token was proven wrong in a handshake: counted and logged as one that was sent. */
  failed(address: string): void;
}

export interface CredentialDeps {
  readonly token: Redacted<string>;
  readonly clock: Clock;
  readonly log: Log;
  /** Failures an address may have in a minute before it is told to wait (and no longer logged). Default 10. */
  readonly maxFailures?: number;
}

const windowMs = 60_000;
const maxAddresses = 1000;

export function createCredentialCheck({ token, clock, log, maxFailures = 10 }: CredentialDeps): CredentialCheck {
  const expected = digest(token.reveal());
  const failures = new Map<string, { readonly since: number; readonly count: number }>();

  const fail = (address: string, message: string): CellwallError => {
    const now = clock.monotonic();
    const known = failures.get(address);
    const entry =
      known === undefined || now - known.since >= windowMs
        ? { since: now, count: 1 }
        : { since: known.since, count: known.count + 1 };
    failures.delete(address);
    failures.set(address, entry);
    for (const oldest of failures.keys()) {
      if (failures.size <= maxAddresses) break;
      failures.delete(oldest);
    }
    if (entry.count > maxFailures) {
      return new CellwallError('resource_exhausted', 'too many failed tries from this address', {
        hint: 'wait a minute, and use the token of <data>/admin.token',
      });
    }
    const last = entry.count === maxFailures ? '; further ones within the minute are not logged' : '';
    log.warn({ address, failures: entry.count }, `admin request without a valid token${last}`);
    return new CellwallError('unauthenticated', message, {
      hint: 'send "authorization: Bearer <token>"; the token is in <data>/admin.token of the control plane',
    });
  };

  return {
    failed: (address) => void fail(address, 'the token is not valid'),
    check(authorization, address) {
      const given = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1];
      if (given === undefined) throw fail(address, 'a bearer token is required');
      // Digests have one length, whatever was sent.
      if (!timingSafeEqual(digest(given), expected)) throw fail(address, 'the token is not valid');
    },
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
