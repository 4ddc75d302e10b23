// Issues SVIDs: asks the policy what an identity may have, has the signer sign, and records it. There is no other way to get a certificate.
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Table } from '../lib/table.ts';
import type { Watchable } from '../lib/watchable.ts';
import { type SpiffeId, trustDomainOf } from '../model/spiffe-id.ts';
import { createEntitled, type EntitledOptions } from './entitled.ts';
import type { IssuancePolicy } from './issuance-policy.ts';
import { createIssuedLog, type IssuedCertificate, type IssuedFor, type IssuePurpose } from './issued-log.ts';
import { rootName } from './roots/roots-record.ts';
import { backdateMs, createStepsForward } from './rotation.ts';
import type { LocalSigner } from './signer/local-signer.ts';
import { createSigningTurns, type SigningTurns } from './signer/signing-turns.ts';
import type { Svid } from './svid.ts';
import type { TrustBundle } from './trust-bundle.ts';
import { createCertifiers } from './x509/certifiers.ts';
import { makeKeyPair } from './x509/key-pair.ts';

export interface IssueOptions {
  /** The key to certify. Default: create one (`pushed`). */
  readonly publicKey?: KeyObject;
  /** The host that it is for: it is bound to that host. */
  readonly nodeKey?: string;
  /** The proxy that it is for; for the record. */
  readonly node?: string;
  /** Allows the control plane's own identities (`…/cellwall/…`), under this policy. */
  readonly internal?: IssuancePolicy;
  /** Who asked for it, for the issuance log. */
  readonly request?: IssuedFor;
  /** When the certificate that it replaces ends, as verified, epoch milliseconds: what ends first goes first. Absent: it is new. */
  readonly replaces?: number;
}

export interface Issuer {
  /** Throws `permission_denied` for an identity that the policy does not know, or that is reserved. */
  issue(spiffeId: SpiffeId, options?: IssueOptions): Promise<Svid>;
  /** Every certificate issued and not yet forgotten (a week after its end). */
  issued(): Promise<readonly IssuedCertificate[]>;
  /** Called for every issued certificate. The returned function unsubscribes. */
  watch(listener: (certificate: IssuedCertificate) => void): () => void;
}

export interface IssuerOptions extends EntitledOptions {
  readonly signer: Pick<LocalSigner, 'sign'>;
  /** Who is signed for first. Default: renewals before new ones. */
  readonly turns?: SigningTurns;
  readonly table: Table;
  readonly clock: Clock;
  readonly log: Log;
  /** What is in force, and handed out with certificates; for the record. */
  readonly bundle?: Pick<Watchable<TrustBundle>, 'value'>;
  /** Milliseconds. For certificates that are checked by others, whose clocks may be slow. Default ten minutes (rotation.ts). */
  readonly backdate?: () => number;
}

/**
 * Without `internal`, an identity under `…/cellwall/` that is not an operator's or a follower's is refused, whatever the policy says;
 * so is, always, one of another trust domain.
 */
export function createIssuer(options: IssuerOptions): Issuer {
  const { signer, trustDomain, policy, refuse = () => {}, table, clock, log, backdate = () => backdateMs } = options;
  const { turns = createSigningTurns({ clock }) } = options;
  const record = createIssuedLog({ table, clock, log });
  const certifiersOf = createCertifiers();
  // Where a clock was set forward by mistake, hosts have the time that it had before.
  const stepsForward = createStepsForward(clock);
  const listeners = new Set<(certificate: IssuedCertificate) => void>();
  const entitled = createEntitled({ trustDomain, policy, refuse });

  async function allowed(
    spiffeId: SpiffeId,
    nodeKey: string | undefined,
    internal: IssuancePolicy | undefined,
  ): Promise<IssuancePolicy> {
    if (internal === undefined) return entitled(spiffeId, nodeKey);
    if (trustDomainOf(spiffeId) === trustDomain) return internal;
    throw new CellwallError('permission_denied', `${spiffeId} is of another trust domain than ${trustDomain}`);
  }

  let told: { readonly of: TrustBundle; readonly names: string } | undefined;
  /** The same text as long as the bundle is. */
  function trusts(): string | undefined {
    const now = options.bundle?.value();
    if (now === undefined) return undefined;
    if (told?.of !== now) told = { of: now, names: now.roots.map(rootName).join(' ') };
    return told.names;
  }

  return {
    async issue(spiffeId, { publicKey, nodeKey, node, internal, request, replaces } = {}) {
      const asked = await allowed(spiffeId, nodeKey, internal);
      const turn = { ends: replaces, back: request?.how === 'node-key', host: nodeKey };
      const { signed, now, pair } = await turns.take(turn, async (waited) => {
        const {
          lifetimeMs,
          dnsNames,
          commonName,
          notAfter: end,
        } = waited ? await allowed(spiffeId, nodeKey, internal) : asked;
        const pair = publicKey === undefined ? makeKeyPair() : undefined;
        const subjectKey = publicKey ?? pair?.spki;
        if (subjectKey === undefined) throw new CellwallError('internal', 'no key to certify');
        const now = clock.now();
        if (end !== undefined && end <= now) throw ended(spiffeId);
        const signed = await signer.sign({
          spiffeId,
          publicKey: subjectKey,
          // Its holder, too, shows it to hosts whose clocks are slow.
          notBefore: new Date(now - (backdate() + stepsForward())),
          notAfter: new Date(Math.min(now + lifetimeMs, end ?? Number.POSITIVE_INFINITY)),
          dnsNames,
          ...defined({ nodeKey, commonName }),
        });
        return { signed, now, pair };
      });
      const purpose: IssuePurpose = internal !== undefined ? 'server' : pair === undefined ? 'csr' : 'pushed';
      const { serial, notBefore, notAfter, chain, root } = signed;
      const certificate = {
        serial,
        spiffeId,
        notBefore: notBefore.toISOString(),
        notAfter: notAfter.toISOString(),
        ...{ purpose, root, issuedAt: now },
        ...defined({ nodeKey, node, trusts: trusts() }),
        ...request,
        ...certifiersOf(chain),
      };
      // On record, as it exists; but nobody gets it.
      await record.record(certificate);
      if (internal === undefined) refuse({ spiffeId, nodeKey });
      for (const listener of listeners) listener(certificate);
      return { spiffeId, chain, serial, notBefore, notAfter, ...defined({ key: pair?.privateKey }) };
    },
    issued: () => record.list(),
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function ended(spiffeId: SpiffeId): CellwallError {
  return new CellwallError('permission_denied', `what earned this host ${spiffeId} has ended`, {
    hint: 'join again, with new evidence',
  });
}
