// Who sent a request: by what its connection proved, else by its bearer token. Fails closed.
import type { Caller } from './caller.ts';
import { type Callers, identityInToken, type Proof } from './callers.ts';
import type { FailedTries } from './failed-tries.ts';

export interface CredentialCheck {
  /** Throws `unauthenticated`, or `resource_exhausted` after too many failures. */
  check(authorization: string | undefined, proof: Proof | undefined, address: string): Promise<Caller>;
  /** A handshake was to prove a key, and did not: counted and logged as a token that was sent. */
  failed(address: string, identity: string): void;
}

export function createCredentialCheck(callers: Callers, tries: FailedTries): CredentialCheck {
  const named = (identity: string | undefined): string | undefined =>
    identity === undefined ? undefined : callers.named(identity);
  return {
    failed: (address, identity) => void tries.refused({ address, named: named(identity) }, 'the token is not valid'),
    async check(authorization, proof, address) {
      if (proof !== undefined) {
        const caller = await callers.callerOf(proof);
        if (caller !== undefined) return caller;
        throw tries.refused({ address }, 'the token was revoked, or has expired');
      }
      const given = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1];
      if (given === undefined) throw tries.refused({ address }, 'a bearer token is required');
      const caller = await callers.callerOfToken(given);
      if (caller !== undefined) return caller;
      throw tries.refused({ address, named: named(identityInToken(given)) }, 'the token is not valid');
    },
  };
}
