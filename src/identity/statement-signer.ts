// The key for statements of one kind: certified when one is to be signed, used for half of its certificate's life, and never kept.
import type { Clock } from '../lib/clock.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import type { Issuer } from './issuer.ts';
import { type StatementKey, type StatementKind, statementKey, statementSpiffeId } from './statement.ts';

export interface StatementSigner {
  /** Certified now, if none is; rejects as the issuer does. */
  key(domain: TrustDomain): Promise<StatementKey>;
}

export interface StatementSignerDeps {
  readonly kind: StatementKind;
  readonly issuer: () => Pick<Issuer, 'issue'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Of its certificates, milliseconds. It bounds when a statement can have been signed. */
  readonly lifetimeMs: number;
}

export function createStatementSigner({ kind, issuer, clock, lifetimeMs }: StatementSignerDeps): StatementSigner {
  let have: { readonly key: StatementKey; readonly from: number; readonly to: number } | undefined;
  let asked: Promise<StatementKey> | undefined;
  const isGood = (until: number): boolean => have !== undefined && clock.now() >= have.from && clock.now() < until;
  const certify = async (domain: TrustDomain): Promise<StatementKey> => {
    const from = clock.now();
    const svid = await issuer().issue(statementSpiffeId(kind, domain), {
      internal: { lifetimeMs, dnsNames: [] },
      request: { how: 'own' },
    });
    have = { key: statementKey(kind, svid), from, to: svid.notAfter.getTime() };
    return have.key;
  };
  return {
    async key(domain) {
      if (have !== undefined && isGood(have.from + lifetimeMs / 2)) return have.key;
      asked ??= certify(domain).finally(() => {
        asked = undefined;
      });
      try {
        return await asked;
      } catch (reason) {
        // Nobody certifies anything now: what is good is used to its end.
        if (have !== undefined && isGood(have.to)) return have.key;
        throw reason;
      }
    },
  };
}
