// The intermediates that were certified for control planes of cells. Calls accept what one of them signed, as they accept any SVID; here it
// earns nothing, because that would outlive the intermediate: no certificate, no intermediate, no documents, no right of an operator.
import { X509Certificate } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';
import { certificateFingerprint } from './x509/fingerprint.ts';

export interface FollowerIssuers {
  /** Loads those of earlier runs, and follows what other replicas certify. Call once, first. */
  restore(): Promise<void>;
  /** Before anybody has it. `chain`: PEM, the intermediate first. Throws if it cannot be kept. */
  add(chain: string): Promise<void>;
  /** Throws `permission_denied` if one of them signed any of these: a leaf, and whatever came with it. */
  refuse(certificates: readonly X509Certificate[]): void;
  /** The same for a leaf alone (DER), whose chain TLS has verified: nothing else can be between it and one of them. */
  refuseLeaf(certificate: Uint8Array): void;
  /** Those that are good now, and that one of these roots (PEM) vouches for. */
  under(roots: readonly string[]): readonly X509Certificate[];
  /** Follows nothing any more. */
  stop(): void;
}

export interface FollowerIssuersDeps {
  readonly table: Table;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

/** Longer than what it signed can be taken for valid by a clock that is behind. */
const afterwardsMs = 86_400_000;

export function createFollowerIssuers({ table, clock, log }: FollowerIssuersDeps): FollowerIssuers {
  const issuers = new Map<string, X509Certificate>();
  let unwatch = (): void => {};
  const know = (key: string, value: Json | undefined): void => {
    if (typeof value !== 'string' || issuers.has(key)) return;
    try {
      issuers.set(key, new X509Certificate(value));
    } catch (reason) {
      log.error({ reason: String(reason) }, 'the intermediate of a cell that is stored cannot be read');
    }
  };
  const isSignedBy = (issuer: X509Certificate, certificate: X509Certificate): boolean =>
    certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  const refuse = (certificates: readonly X509Certificate[]): void => {
    for (const issuer of issuers.values()) {
      if (!certificates.some((certificate) => isSignedBy(issuer, certificate))) continue;
      throw new CellwallError('permission_denied', 'this certificate is of the control plane of a cell', {
        hint: 'use it there; this one gives a certificate of its own for a new join token: cellwall token create',
      });
    }
  };
  return {
    async restore() {
      for (const { key, value } of await table.list()) know(key, value);
      unwatch();
      unwatch = table.watch(({ key, value }) => know(key, value));
    },
    async add(chain) {
      const issuer = new X509Certificate(chain);
      const key = certificateFingerprint(issuer.raw);
      const ttlMs = Math.max(issuer.validToDate.getTime() - clock.now(), 0) + afterwardsMs;
      await table.set(key, issuer.toString(), { ttlMs });
      know(key, issuer.toString());
    },
    refuse,
    refuseLeaf(certificate) {
      if (issuers.size > 0) refuse([new X509Certificate(certificate)]);
    },
    under(roots) {
      const authorities = roots.map((pem) => new X509Certificate(pem));
      const good = [...issuers.values()].filter(({ validToDate }) => validToDate.getTime() > clock.now());
      return good.filter((issuer) => authorities.some((root) => isSignedBy(root, issuer)));
    },
    stop: () => unwatch(),
  };
}
