// Whom the next phase of a rotation of the root would cut off, by what all control planes on one store know: hosts that were never given
// the new root, join tokens, certificates under the old one that are good and not replaced. Pure.

import type { KnownToken } from '../identity/attestor/join-token.ts';
import type { IssuedCertificate } from '../identity/issued-log.ts';
import type { FoundHoldUp, HoldUp } from '../identity/roots/hold-up.ts';
import { type RootsRecord, rootName } from '../identity/roots/roots-record.ts';
import type { SaidInUse } from '../identity/roots/said-in-use.ts';
import { defined } from '../lib/defined.ts';
import { whyNotTaken } from './not-taken.ts';

/** What all control planes on one store know. */
export interface SharedFacts {
  readonly issued: readonly IssuedCertificate[];
  /** What a host's helper says that it has, as heard here; undefined if none is listening. */
  readonly inUse: (nodeKey: string) => SaidInUse | undefined;
  /** Whoever gets no certificate any more, evicted or banned: nobody waits for them. */
  readonly refused: (bearer: Pick<IssuedCertificate, 'spiffeId' | 'nodeKey'>) => boolean;
  /** Join tokens that have not ended. */
  readonly tokens: readonly Pick<KnownToken, 'spiffeId' | 'expiresAt' | 'uses' | 'used' | 'roots'>[];
  /** Proxies whose stream is at some control plane, which says what they have. */
  readonly connected: (node: string) => boolean;
  readonly now: number;
  /** Others fetch the bundle from an endpoint of a control plane, and may go on with the one before for so long; 0: there is none. */
  readonly fetchedWithinMs: number;
  /** Since the present phase began, milliseconds. */
  readonly elapsedMs: number;
}

export function sharedHoldUps(record: RootsRecord, facts: SharedFacts): readonly FoundHoldUp[] {
  const { phase } = record.rotation ?? {};
  switch (phase) {
    case undefined:
    case 'prepare':
    case 'activate':
    case 'remove':
      return [];
    case 'publish':
      return [...untold(record, facts), ...oldTokens(record, facts), ...notFetched(facts)];
    case 'renew':
      return underOld(record, facts);
    case 'taint':
      return [...underOld(record, facts), ...notQuiet(record, facts)];
    default:
      return phase satisfies never;
  }
}

/**
 * Hosts with a certificate that is still good, to which the new root was not given with it, nor said since: those that have the roots from
 * files, and proxies that are away, which may be at a control plane that is cut off.
 */
function untold(record: RootsRecord, facts: SharedFacts): readonly FoundHoldUp[] {
  const { issued, inUse, refused, connected, now } = facts;
  const names = record.roots.map(({ pem }) => rootName(pem));
  const isAway = ({ purpose, node }: IssuedCertificate): boolean =>
    purpose === 'pushed' && node !== undefined && !connected(node);
  const theirs = issued.filter((one) => Date.parse(one.notAfter) > now && (one.purpose === 'csr' || isAway(one)));
  return [...Map.groupBy(theirs, holderOf).values()].flatMap((certificates): FoundHoldUp[] => {
    const newest = newestOf(certificates);
    const { nodeKey, spiffeId, trusts = '', purpose } = newest;
    if (refused(newest)) return [];
    const said = nodeKey === undefined ? undefined : inUse(nodeKey);
    const notTaken = whyNotTaken(record, newest, said);
    const known = [...trusts.split(' '), ...(said?.roots ?? [])];
    const who = named(newest, spiffeId);
    if (names.every((name) => known.includes(name))) {
      if (notTaken === undefined) return [];
      return [{ kind: 'certificate', who, why: `${notTaken}; ${ends(newest)}`, ...defined({ nodeKey }) }];
    }
    const next = purpose === 'pushed' ? 'it is away' : 'it is with its next renewal';
    const why = `it was not given the new root: ${next}; ${ends(newest)}`;
    return [{ kind: 'certificate', who, why, ...defined({ nodeKey }) }];
  });
}

/** Certificates that are still good, that a root on its way out vouches for, and that their holder did not replace. */
function underOld(record: RootsRecord, { issued, inUse, refused, now }: SharedFacts): readonly FoundHoldUp[] {
  const stay = record.roots.filter(({ state }) => state === 'active' || state === 'published');
  const names = stay.map(({ pem }) => rootName(pem));
  const good = issued.filter((one) => one.purpose !== 'server' && Date.parse(one.notAfter) > now);
  return [...Map.groupBy(good, holderOf).values()].flatMap((certificates): FoundHoldUp[] => {
    const newest = newestOf(certificates);
    const { nodeKey } = newest;
    if (refused(newest)) return [];
    if (newest.root !== undefined && names.includes(newest.root)) {
      const notTaken = whyNotTaken(record, newest, nodeKey === undefined ? undefined : inUse(nodeKey));
      const who = named(newest, newest.spiffeId);
      if (notTaken === undefined) return [];
      return [{ kind: 'certificate', who, why: `${notTaken}; ${ends(newest)}`, ...defined({ nodeKey }) }];
    }
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

function notQuiet({ rotation }: RootsRecord, { now, elapsedMs }: SharedFacts): readonly HoldUp[] {
  const left = rotation === undefined ? 0 : rotation.quietMs - elapsedMs;
  if (left <= 0) return [];
  return [
    {
      kind: 'quiet',
      who: 'time',
      why: `nothing under the old root may be seen until ${new Date(now + left).toISOString()}`,
    },
  ];
}

/** Nobody knows who they are: what there is to wait for is time. */
function notFetched({ fetchedWithinMs, now, elapsedMs }: SharedFacts): readonly HoldUp[] {
  const left = fetchedWithinMs - elapsedMs;
  if (left <= 0) return [];
  const until = new Date(now + left).toISOString();
  return [{ kind: 'quiet', who: 'time', why: `other trust domains may not have fetched the new root before ${until}` }];
}

/** Whoever has one: certificates of one holder replace each other. */
function holderOf({ purpose, node, nodeKey, spiffeId }: IssuedCertificate): string {
  return purpose === 'pushed' ? `pushed ${node ?? nodeKey ?? spiffeId}` : `own ${nodeKey ?? ''} ${spiffeId}`;
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
