// Who sent a request: determined by what its connection proved, else by its bearer token, else by its client certificate. Fails closed.
import { CellwallError } from '../lib/errors.ts';
import { Redacted } from '../lib/redacted.ts';
import type { Caller } from './caller.ts';
import { type Callers, identityInToken, type Proof } from './callers.ts';
import type { FailedTries } from './failed-tries.ts';
import { isCode, type Known, type Sessions, type ShownSession } from './page/sessions.ts';

/** What came with a request. */
export interface Shown {
  readonly authorization?: string | undefined;
  readonly proof?: Proof | undefined;
  /** PEM, leaf first, as the peer presented it: all that is proved is that it has the leaf's key. */
  readonly chain?: string | undefined;
  /** Of the page, in a browser. */
  readonly session?: ShownSession | undefined;
}

/** Whose client certificate it is. Throws for everybody who is not an operator, or not at present. */
export type OperatorCheck = (chain: string) => Promise<Caller>;

export interface CredentialCheck {
  /** Throws `unauthenticated`, or `resource_exhausted` after too many failures. */
  check(shown: Shown, address: string): Promise<Known>;
  /** A handshake was to prove a key, and did not: counted and logged like a wrong token. */
  failed(address: string, identity: string): void;
}

/** `operatorOf` is undefined as long as there is no TLS port. */
export function createCredentialCheck(
  callers: Callers,
  tries: FailedTries,
  operatorOf: () => OperatorCheck | undefined,
  sessions: Pick<Sessions, 'find' | 'redeem'>,
): CredentialCheck {
  const named = (identity: string | undefined): string | undefined =>
    identity === undefined ? undefined : callers.named(identity);
  return {
    failed: (address, identity) => void tries.refused({ address, named: named(identity) }, 'the token is not valid'),
    async check({ authorization, proof, chain, session }, address) {
      if (proof !== undefined) {
        const caller = await callers.callerOf(proof);
        if (caller !== undefined) return { caller, again: () => callers.callerOf(proof) };
        throw tries.refused({ address }, 'the token was revoked, or has expired');
      }
      if (session !== undefined) {
        const found = await sessions.find(session);
        if (found !== undefined) return found;
        throw tries.refused({ address }, 'the session has ended');
      }
      const check = operatorOf();
      if (authorization === undefined && chain !== undefined && check !== undefined) {
        const caller = await check(chain).catch((reason: unknown) => {
          // Any failure, except that it cannot be determined now.
          throw isUnknown(reason) ? reason : tries.refused({ address }, CellwallError.from(reason).message);
        });
        return { caller, again: () => check(chain).catch(nobodyUnlessUnknown) };
      }
      const given = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1];
      if (given === undefined) throw tries.refused({ address }, 'a bearer token is required');
      if (isCode(given)) {
        const invited = sessions.redeem(given);
        const caller = await invited?.again();
        if (invited !== undefined && caller !== undefined) return { ...invited, caller };
        throw tries.refused({ address }, 'the code was used, or is older than a minute');
      }
      const token = new Redacted(given);
      const caller = await callers.callerOfToken(given);
      if (caller !== undefined) return { caller, again: () => callers.callerOfToken(token.reveal()) };
      throw tries.refused({ address, named: named(identityInToken(given)) }, 'the token is not valid');
    },
  };
}

function nobodyUnlessUnknown(reason: unknown): undefined {
  if (isUnknown(reason)) throw reason;
  return undefined;
}

/** It cannot be determined now. */
function isUnknown(reason: unknown): boolean {
  const { code } = CellwallError.from(reason);
  return code === 'unavailable' || code === 'internal';
}
