// Whose key a handshake or a bearer token proves: the data folder's token, or a named one. Compared in constant time; an unknown name takes
// as long as a known one.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { CellwallError } from '../lib/errors.ts';
import { Redacted } from '../lib/redacted.ts';
import { type Caller, operator } from './caller.ts';
import { nameInToken } from './named-token.ts';
import type { NamedTokens } from './named-tokens.ts';
import { identityOfName, operatorIdentity, proofIdentity, proofKey } from './proof.ts';

/** What was proved, to be looked up again for every request: a token may be revoked while its connection is open. */
export interface Proof {
  readonly identity: string;
  readonly key: Buffer;
}

export interface Callers {
  /** The key that a handshake as `identity` must prove; for an unknown identity, one that nobody can prove. */
  keyOf(identity: string): Buffer;
  /** Undefined if the token is not valid, or no longer. Throws `unavailable` if that cannot be determined now. */
  callerOf(proof: Proof): Promise<Caller | undefined>;
  /** The same for a bearer token. */
  callerOfToken(text: string): Promise<Caller | undefined>;
  /** The author that a failed attempt named, if any. */
  named(identity: string): string | undefined;
  /** Before a handshake; undefined if there is nothing to wait for. Does not fail. */
  ready(): Promise<void> | undefined;
}

/** `token` is the data folder's; whoever proves it is the operator. */
export function createCallers(token: Redacted<string>, tokens: NamedTokens): Callers {
  const operatorKey = proofKey(token);
  const nobody = randomBytes(32);
  const find = (identity: string): { readonly caller: Caller; readonly key: Buffer } | undefined => {
    if (identity === operatorIdentity) return { caller: operator, key: operatorKey };
    const name = /^token\/(.{1,40})$/.exec(identity)?.[1];
    const found = name === undefined ? undefined : tokens.find(name);
    if (found === undefined) return undefined;
    const { role, rawResources } = found.of;
    return { caller: { name: found.of.name, role, rawResources }, key: found.key };
  };
  const callerOf = async ({ identity, key }: Proof): Promise<Caller | undefined> => {
    if (identity !== operatorIdentity) {
      await tokens.refresh()?.catch((cause: unknown) => {
        throw new CellwallError('unavailable', 'the token cannot be checked now: the store is unavailable', {
          hint: 'try again, or use the token of the data folder',
          cause,
        });
      });
    }
    const found = find(identity);
    const same = timingSafeEqual(key, found?.key ?? nobody);
    return same ? found?.caller : undefined;
  };
  return {
    keyOf: (identity) => find(identity)?.key ?? nobody,
    callerOf,
    callerOfToken(text) {
      const given = new Redacted(text);
      return callerOf({ identity: proofIdentity(given), key: proofKey(given) });
    },
    named: (identity) => find(identity)?.caller.name,
    ready: () => tokens.refresh()?.catch(() => undefined),
  };
}

/** The identity that a bearer token claims; undefined if it is not one of ours. */
export function identityInToken(text: string | undefined): string | undefined {
  const name = text === undefined ? undefined : nameInToken(text);
  return name === undefined ? undefined : identityOfName(name);
}
