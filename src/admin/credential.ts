// Who sent a request: determined by what its connection proved, else by its bearer token, else by its client certificate. Fails closed.
import { CellwallError } from '../lib/errors.ts';
import type { Caller } from './caller.ts';
import { type Callers, identityInToken, type Proof } from './callers.ts';
import type { FailedTries } from './failed-tries.ts';

/** What came with a request. */
export interface Shown {
  readonly authorization?: string | undefined;
  readonly proof?: Proof | undefined;
  /** PEM, leaf first, as the peer presented it: all that is proved is that it has the leaf's key. */
  readonly chain?: string | undefined;
}

/** Whose client certificate it is. Throws for everybody who is not an operator, or not at present. */
export type OperatorCheck = (chain: string) => Promise<Caller>;

export interface CredentialCheck {
  /** Throws `unauthenticated`, or `resource_exhausted` after too many failures. */
  check(shown: Shown, address: string): Promise<Caller>;
  /** A handshake was to prove a key, and did not: counted and logged like a wrong token. */
  failed(address: string, identity: string): void;
}

/** `operatorOf` is undefined as long as there is no TLS port. */
export function createCredentialCheck(
  callers: Callers,
  tries: FailedTries,
  operatorOf: () => OperatorCheck | undefined,
): CredentialCheck {
  const named = (identity: string | undefined): string | undefined =>
    identity === undefined ? undefined : callers.named(identity);
  return {
    failed: (address, identity) => void tries.refused({ address, named: named(identity) }, 'the token is not valid'),
    async check({ authorization, proof, chain }, address) {
      if (proof !== undefined) {
        const caller = await callers.callerOf(proof);
        if (caller !== undefined) return caller;
        throw tries.refused({ address }, 'the token was revoked, or has expired');
      }
      const check = operatorOf();
      if (authorization === undefined && chain !== undefined && check !== undefined) {
        return check(chain).catch((reason: unknown) => {
          const { code, message } = CellwallError.from(reason);
          // Any failure, except that it cannot be determined now.
          throw code === 'unavailable' || code === 'internal' ? reason : tries.refused({ address }, message);
        });
      }
      const given = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1];
      if (given === undefined) throw tries.refused({ address }, 'a bearer token is required');
      const caller = await callers.callerOfToken(given);
      if (caller !== undefined) return caller;
      throw tries.refused({ address, named: named(identityInToken(given)) }, 'the token is not valid');
    },
  };
}
