// Whom the next phase of a rotation of the root would cut off: proxies that have not accepted what they were sent, helpers and hosts that
// were never given the new root, certificates under the old one that are good and not replaced. Pure.

import type { KnownToken } from '../identity/attestor/join-token.ts';
import type { IssuedCertificate } from '../identity/issued-log.ts';
import type { PublisherStatus } from '../identity/publisher/publisher-status.ts';
import type { HoldUp } from '../identity/roots/hold-up.ts';
import { type RootsRecord, type RotationPhase, retiringRoots, rootName } from '../identity/roots/roots-record.ts';
import type { TrustBundle } from '../identity/trust-bundle.ts';
import type { SeenCaller } from '../observe/seen-issuers.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { ResourceStatus } from '../xds/csds/resource-status.ts';

/** What one control plane knows of those that it serves itself. */
export interface OwnFacts {
  readonly bundle: TrustBundle;
  /** The root of its own certificate, and that of the intermediate that signs, by name. */
  readonly server: string;
  readonly signer: string;
  readonly proxies: readonly Pick<RegisteredProxy, 'node' | 'state' | 'since' | 'run' | 'holder' | 'replica'>[];
  /** The secrets that it asks for: what is in force of each, and whether it has accepted that. */
  readonly secrets: (node: string) => readonly ResourceStatus[];
  /** The roots that a host's helper says it has, by name; undefined if none is listening. */
  readonly trusting: (nodeKey: string) => readonly string[] | undefined;
  readonly publishers: readonly PublisherStatus[];
}

/** What all control planes on one store know. */
export interface SharedFacts {
  readonly issued: readonly IssuedCertificate[];
  /** That some control plane has heard of the helper of a host. */
  readonly trusting: (nodeKey: string) => readonly string[] | undefined;
  /** Whoever gets no certificate any more, evicted or banned: nobody waits for them. */
  readonly refused: (bearer: Pick<IssuedCertificate, 'spiffeId' | 'nodeKey'>) => boolean;
  /** Join tokens that have not ended. */
  readonly tokens: readonly Pick<KnownToken, 'spiffeId' | 'expiresAt' | 'uses' | 'used' | 'roots'>[];
  /** Intermediates of control planes of cells, good and under a root that goes: what each signed cannot be seen from here. */
  readonly followers: readonly { readonly serial: string; readonly notAfter: Date }[];
  /** Who was seen calling, with a certificate of which issuer. */
  readonly callers: readonly SeenCaller[];
  /** Names of the roots over intermediates, by common name. */
  readonly issuers: ReadonlyMap<string, readonly string[]>;
  readonly now: number;
}

/** By what this control plane knows itself. */
export function ownHoldUps(phase: RotationPhase, record: RootsRecord, facts: OwnFacts): readonly HoldUp[] {
  switch (phase) {
    case 'prepare':
    case 'remove':
      return [];
    case 'publish':
      return [...missingRoots(record, facts), ...unaccepted(record, facts), ...unpublished(facts)];
    case 'activate':
      return signsUnder(record, facts);
    case 'renew':
    case 'taint':
      return [...signsUnder(record, facts), ...unaccepted(record, facts), ...unpublished(facts)];
    default:
      return phase satisfies never;
  }
}

/** By what all of them know. */
export function sharedHoldUps(phase: RotationPhase, record: RootsRecord, facts: SharedFacts): readonly HoldUp[] {
  const { quietMs = 0 } = record.rotation ?? {};
  switch (phase) {
    case 'prepare':
    case 'activate':
    case 'remove':
      return [];
    case 'publish':
      return [...untold(record, facts), ...oldTokens(record, facts)];
    case 'renew':
      return [...underOld(record, facts), ...ofCells(facts), ...oldCallers(record, facts, Math.min(seenMs, quietMs))];
    case 'taint':
      return [
        ...underOld(record, facts),
        ...ofCells(facts),
        ...oldCallers(record, facts, quietMs),
        ...notQuiet(record, facts.now),
      ];
    default:
      return phase satisfies never;
  }
}

const self = 'this control plane';

function missingRoots({ roots }: RootsRecord, { bundle }: OwnFacts): readonly HoldUp[] {
  const there = bundle.roots.map(rootName);
  if (roots.every(({ pem }) => there.includes(rootName(pem)))) return [];
  return [{ kind: 'replica', who: self, why: 'the new root is not in its trust bundle yet' }];
}

function signsUnder(record: RootsRecord, { server, signer }: OwnFacts): readonly HoldUp[] {
  const old = retiringRoots(record).map(rootName);
  if (old.includes(signer)) return [{ kind: 'replica', who: self, why: 'no intermediate under the new root yet' }];
  if (old.includes(server)) return [{ kind: 'replica', who: self, why: 'its own certificate is not renewed yet' }];
  return [];
}

/** Proxies whose stream is here, or was. */
function unaccepted({ roots }: RootsRecord, { proxies, secrets, trusting }: OwnFacts): readonly HoldUp[] {
  const bodies = roots.map(({ pem }) => pem.trim());
  return proxies.flatMap((proxy): HoldUp[] => {
    const { node, state, run, holder, replica } = proxy;
    if (replica !== undefined) return [];
    if (state === 'held') return [{ kind: 'proxy', who: node, why: 'its stream has ended: it may have what it had' }];
    const found = secrets(node);
    const rejected = found.find(({ status }) => status === 'error');
    if (rejected !== undefined) return [{ kind: 'proxy', who: node, why: `it rejected ${rejected.name}` }];
    const texts = found.map(({ resource }) => Buffer.from(resource?.value ?? []).toString('latin1'));
    const trusts = bodies.every((body) => texts.some((text) => text.includes(body)));
    const open = found.find(({ status }) => status !== 'synced' && status !== 'absent');
    if (open !== undefined) return [{ kind: 'proxy', who: node, why: `it has not accepted ${open.name} yet` }];
    // Whoever asks for no roots has them from elsewhere.
    if (!trusts && texts.some((text) => text !== '')) {
      return [{ kind: 'proxy', who: node, why: 'it was not sent the new root yet' }];
    }
    if (run === undefined || holder === undefined) return [];
    const heard = trusting(holder);
    if (heard === undefined) return [{ kind: 'helper', who: node, why: 'its helper is not listening for new roots' }];
    const names = roots.map(({ pem }) => rootName(pem));
    if (names.every((name) => heard.includes(name))) return [];
    return [{ kind: 'helper', who: node, why: 'its helper does not have the new root yet' }];
  });
}

function unpublished({ publishers, bundle }: OwnFacts): readonly HoldUp[] {
  return publishers.flatMap(({ name, confirmed, sequence, error }): HoldUp[] => {
    if (confirmed && sequence === bundle.sequence) return [];
    return [{ kind: 'publisher', who: name, why: error?.message ?? 'the roots in force are not confirmed there yet' }];
  });
}

/** Hosts with a certificate that is still good, to which the new root was not given with it, nor said since. */
function untold(record: RootsRecord, { issued, trusting, refused, now }: SharedFacts): readonly HoldUp[] {
  const names = record.roots.map(({ pem }) => rootName(pem));
  const hosts = Map.groupBy(issued.filter(isTheirs(now)), holderOf);
  return [...hosts.values()].flatMap((certificates): HoldUp[] => {
    const newest = newestOf(certificates);
    const { nodeKey, spiffeId, trusts = '' } = newest;
    if (refused(newest)) return [];
    const known = [...trusts.split(' '), ...((nodeKey === undefined ? undefined : trusting(nodeKey)) ?? [])];
    if (names.every((name) => known.includes(name))) return [];
    const why = `it was not given the new root: it is with its next renewal; ${ends(newest)}`;
    return [{ kind: 'certificate', who: named(newest, spiffeId), why }];
  });
}

/** Certificates that are still good, that a root on its way out vouches for, and that their holder did not replace. */
function underOld(record: RootsRecord, { issued, refused, now }: SharedFacts): readonly HoldUp[] {
  const stay = record.roots.filter(({ state }) => state === 'active' || state === 'published');
  const names = stay.map(({ pem }) => rootName(pem));
  const good = issued.filter((one) => one.purpose !== 'server' && Date.parse(one.notAfter) > now);
  return [...Map.groupBy(good, holderOf).values()].flatMap((certificates): HoldUp[] => {
    const newest = newestOf(certificates);
    if (newest.root !== undefined && names.includes(newest.root)) return [];
    if (refused(newest)) return [];
    const what = newest.purpose === 'pushed' ? 'the certificate that it was sent' : 'its certificate';
    return [
      {
        kind: 'certificate',
        who: named(newest, newest.spiffeId),
        why: `${what} is under the old root; ${ends(newest)}`,
      },
    ];
  });
}

/** Whoever joins with one believes a control plane only by the roots in it. */
function oldTokens({ roots }: RootsRecord, { tokens }: SharedFacts): readonly HoldUp[] {
  const next = roots.filter(({ state }) => state === 'published').map(({ pem }) => rootName(pem));
  return tokens.flatMap((token): HoldUp[] => {
    if (token.used >= token.uses || next.every((name) => token.roots.includes(name))) return [];
    const until = new Date(token.expiresAt).toISOString();
    const why = `a join token that was made before the new root: redeem it, or wait: it ends ${until}`;
    return [{ kind: 'token', who: token.spiffeId, why }];
  });
}

/** Before the old root's key is destroyed: longer than a caller that is in use is silent. */
const seenMs = 5000;

/** Whatever is known of what was issued: this one is in use. */
function oldCallers(record: RootsRecord, { callers, issuers, now }: SharedFacts, withinMs: number): readonly HoldUp[] {
  const old = retiringRoots(record).map(rootName);
  return callers.flatMap(({ issuer, principal, service, at }): HoldUp[] => {
    const over = issuers.get(issuer) ?? [];
    if (at < now - withinMs || over.length === 0 || !over.every((name) => old.includes(name))) return [];
    const seconds = Math.round((now - at) / 1000);
    return [
      {
        kind: 'caller',
        who: principal,
        why: `it called ${service} with a certificate under the old root ${seconds} s ago`,
      },
    ];
  });
}

function ofCells({ followers }: SharedFacts): readonly HoldUp[] {
  return followers.map(({ serial, notAfter }) => {
    const why = `the intermediate of a cell's control plane is under the old root; ends ${notAfter.toISOString()}`;
    return { kind: 'follower', who: `serial ${serial.toLowerCase()}`, why };
  });
}

function notQuiet({ rotation }: RootsRecord, now: number): readonly HoldUp[] {
  const left = rotation === undefined ? 0 : rotation.since + rotation.quietMs - now;
  if (left <= 0) return [];
  return [
    {
      kind: 'quiet',
      who: 'time',
      why: `nothing under the old root may be seen until ${new Date(now + left).toISOString()}`,
    },
  ];
}

/** Whoever has one: certificates of one holder replace each other. */
function holderOf({ purpose, node, nodeKey, spiffeId }: IssuedCertificate): string {
  return purpose === 'pushed' ? `pushed ${node ?? nodeKey ?? spiffeId}` : `own ${nodeKey ?? ''} ${spiffeId}`;
}

/** With a key of its own: it has the roots from files. */
function isTheirs(now: number): (one: IssuedCertificate) => boolean {
  return ({ purpose, notAfter }) => purpose === 'csr' && Date.parse(notAfter) > now;
}

/** The one that was issued last. */
function newestOf(certificates: readonly IssuedCertificate[]): IssuedCertificate {
  const [first, ...others] = certificates;
  if (first === undefined) throw new Error('of no certificates none is the newest');
  return others.reduce((best, one) => (order(one) > order(best) ? one : best), first);
}

/** An earlier version did not record when: before all others. */
function order({ issuedAt = 0 }: IssuedCertificate): number {
  return issuedAt;
}

function ends({ serial, notAfter }: IssuedCertificate): string {
  return `serial ${serial}, ends ${notAfter}`;
}

function named({ node, nodeKey }: IssuedCertificate, spiffeId: string): string {
  if (node !== undefined) return node;
  return nodeKey === undefined ? spiffeId : `${spiffeId} (node key ${nodeKey.slice(0, 16)})`;
}
