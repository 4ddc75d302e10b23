// The intermediates that were certified for control planes of cells. Calls accept what one of them signed, as they accept any SVID; here it
// earns nothing, because that would outlive the intermediate: no certificate, no intermediate, no documents, no right of an operator.
import { X509Certificate } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';
import { certificateFingerprint } from './x509/fingerprint.ts';

/** For whom one was certified. */
export interface FollowerIssuerOwner {
  readonly cell: string;
  /** Of the host of its control plane. */
  readonly nodeKey?: string;
}

export interface FollowerIssuer {
  /** Hex. */
  readonly serial: string;
  /** Its common name, as access logs have it. */
  readonly name: string;
  readonly notAfter: Date;
  /** Absent: an earlier version certified it. */
  readonly owner?: FollowerIssuerOwner;
}

export interface FollowerIssuers {
  /** Loads those of earlier runs, and follows what other replicas certify. Call once, first. */
  restore(): Promise<void>;
  /** Before anybody has it. `chain`: PEM, the intermediate first. Throws if it cannot be kept. */
  add(chain: string, owner: FollowerIssuerOwner): Promise<void>;
  /** Throws `permission_denied` if one of them signed any of these: a leaf, and whatever came with it. */
  refuse(certificates: readonly X509Certificate[]): void;
  /** The same for a leaf alone (DER), whose chain TLS has verified: nothing else can be between it and one of them. */
  refuseLeaf(certificate: Uint8Array): void;
  /** Those that are good now, and that this root (PEM) vouches for. */
  under(root: string): readonly FollowerIssuer[];
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
/** Of the entry beside that of an intermediate: earlier versions read only the latter. */
const ownerPrefix = 'owner ';

export function createFollowerIssuers({ table, clock, log }: FollowerIssuersDeps): FollowerIssuers {
  const issuers = new Map<string, X509Certificate>();
  const owners = new Map<string, FollowerIssuerOwner>();
  let unwatch = (): void => {};
  const know = (key: string, value: Json | undefined): void => {
    const owner = key.startsWith(ownerPrefix) ? readOwner(value) : undefined;
    if (owner !== undefined) owners.set(key.slice(ownerPrefix.length), owner);
    if (typeof value !== 'string' || issuers.has(key)) return;
    try {
      issuers.set(key, new X509Certificate(value));
    } catch (reason) {
      log.error({ reason: String(reason) }, 'the intermediate of a cell that is stored cannot be read');
    }
  };
  /** By root and key: cells are asked about once a second. */
  const vouched = new Map<string, boolean>();
  const isUnder = (root: X509Certificate, key: string, issuer: X509Certificate): boolean => {
    const pair = `${root.fingerprint256} ${key}`;
    const known = vouched.get(pair) ?? isSignedBy(root, issuer);
    vouched.set(pair, known);
    return known;
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
    async add(chain, { cell, nodeKey }) {
      const issuer = new X509Certificate(chain);
      const key = certificateFingerprint(issuer.raw);
      const ttlMs = Math.max(issuer.validToDate.getTime() - clock.now(), 0) + afterwardsMs;
      const owner = { cell, ...defined({ nodeKey }) };
      await table.set(`${ownerPrefix}${key}`, owner, { ttlMs });
      await table.set(key, issuer.toString(), { ttlMs });
      owners.set(key, owner);
      know(key, issuer.toString());
    },
    refuse,
    refuseLeaf(certificate) {
      if (issuers.size > 0) refuse([new X509Certificate(certificate)]);
    },
    under(root) {
      const authority = new X509Certificate(root);
      return [...issuers].flatMap(([key, issuer]) => {
        if (issuer.validToDate.getTime() <= clock.now() || !isUnder(authority, key, issuer)) return [];
        const { serialNumber, validToDate: notAfter, subject } = issuer;
        const [, name = ''] = /(?:^|\n)CN=([^\n]*)/.exec(subject) ?? [];
        return [{ serial: serialNumber.toLowerCase(), name, notAfter, ...defined({ owner: owners.get(key) }) }];
      });
    },
    stop: () => unwatch(),
  };
}

function readOwner(value: Json | undefined): FollowerIssuerOwner | undefined {
  const { cell, nodeKey }: { readonly cell?: unknown; readonly nodeKey?: unknown } = Object(value);
  if (typeof cell !== 'string') return undefined;
  return { cell, ...(typeof nodeKey === 'string' ? { nodeKey } : {}) };
}
