// Whom the next phase of a rotation of the root would cut off, as far as one control plane knows it itself: proxies that have not accepted
// what they were sent, their helpers, its own certificates, places of --publish, callers that its proxies saw. Pure.

import type { PublisherStatus } from '../identity/publisher/publisher-status.ts';
import type { FoundHoldUp, HoldUp } from '../identity/roots/hold-up.ts';
import { type RootsRecord, retiringRoots, rootName } from '../identity/roots/roots-record.ts';
import type { SaidInUse } from '../identity/roots/said-in-use.ts';
import type { TrustBundle } from '../identity/trust-bundle.ts';
import type { SeenCaller } from '../observe/seen-issuers.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { ResourceStatus } from '../xds/csds/resource-status.ts';

export interface OwnFacts {
  /** What it is called in what it says of itself. */
  readonly self: string;
  readonly bundle: TrustBundle;
  /** The root of its own certificate, and that of the intermediate that signs, by name. */
  readonly server: string;
  readonly signer: string;
  readonly proxies: readonly Pick<RegisteredProxy, 'node' | 'state' | 'since' | 'run' | 'holder' | 'replica'>[];
  /** Whether another control plane is heard: then it says itself what it knows of the proxies that it has. */
  readonly isAlive: (replica: string) => boolean;
  /** The secrets that it asks for: what is in force of each, and whether it has accepted that. */
  readonly secrets: (node: string) => readonly ResourceStatus[];
  /** What a host's helper says that it has; undefined if none is listening. */
  readonly inUse: (nodeKey: string) => SaidInUse | undefined;
  readonly publishers: readonly PublisherStatus[];
  /** Who was seen calling, with a certificate of which issuer. */
  readonly callers: readonly SeenCaller[];
  /** Names of the roots over intermediates, by common name. */
  readonly issuers: ReadonlyMap<string, readonly string[]>;
  readonly now: number;
}

export function ownHoldUps(record: RootsRecord, facts: OwnFacts): readonly FoundHoldUp[] {
  const { phase, quietMs = 0 } = record.rotation ?? {};
  switch (phase) {
    case undefined:
    case 'prepare':
    case 'remove':
      return [];
    case 'publish':
      return [...missingRoots(record, facts), ...unaccepted(record, facts), ...unpublished(facts)];
    case 'activate':
      return signsUnder(record, facts);
    case 'renew':
    case 'taint': {
      const seenWithin = phase === 'taint' ? quietMs : Math.min(seenMs, quietMs);
      return [
        ...signsUnder(record, facts),
        ...unaccepted(record, facts),
        ...unpublished(facts),
        ...oldCallers(record, facts, seenWithin),
      ];
    }
    default:
      return phase satisfies never;
  }
}

function missingRoots({ roots }: RootsRecord, { self, bundle }: OwnFacts): readonly HoldUp[] {
  const there = bundle.roots.map(rootName);
  if (roots.every(({ pem }) => there.includes(rootName(pem)))) return [];
  return [{ kind: 'replica', who: self, why: 'the new root is not in its trust bundle yet' }];
}

function signsUnder(record: RootsRecord, { self, server, signer }: OwnFacts): readonly HoldUp[] {
  const old = retiringRoots(record).map(rootName);
  if (old.includes(signer)) return [{ kind: 'replica', who: self, why: 'no intermediate under the new root yet' }];
  if (old.includes(server)) return [{ kind: 'replica', who: self, why: 'its own certificate is not renewed yet' }];
  return [];
}

/** Proxies whose stream is here, or was, or was where nobody is heard any more. */
function unaccepted({ roots }: RootsRecord, { proxies, isAlive, secrets, inUse }: OwnFacts): readonly FoundHoldUp[] {
  const bodies = roots.map(({ pem }) => pem.trim());
  return proxies.flatMap((proxy): FoundHoldUp[] => {
    const { node, state, run, holder, replica } = proxy;
    if (replica !== undefined && isAlive(replica)) return [];
    if (replica !== undefined) {
      return [{ kind: 'proxy', who: node, why: 'its control plane is gone: it may have what it had' }];
    }
    if (state === 'held') return [{ kind: 'proxy', who: node, why: 'its stream has ended: it may have what it had' }];
    const found = secrets(node);
    const rejected = found.find(({ status }) => status === 'error');
    if (rejected !== undefined) return [{ kind: 'proxy', who: node, why: `it rejected ${rejected.name}` }];
    const texts = found.map(({ resource }) => Buffer.from(resource?.value ?? []).toString('latin1'));
    const trusts = bodies.every((body) => texts.some((text) => text.includes(body)));
    const open = found.find(({ status }) => status !== 'synced' && status !== 'absent');
    if (open !== undefined) return [{ kind: 'proxy', who: node, why: `it has not accepted ${open.name} yet` }];
    // Whoever asks for none of our roots has them from elsewhere, or calls nobody of this mesh.
    if (!trusts && texts.some((text) => bodies.some((body) => text.includes(body)))) {
      return [{ kind: 'proxy', who: node, why: 'it was not sent the new root yet' }];
    }
    if (run === undefined || holder === undefined) return [];
    const heard = inUse(holder)?.roots;
    const helper = { kind: 'helper', who: node, nodeKey: holder } as const;
    if (heard === undefined) return [{ ...helper, why: 'its helper is not listening for new roots' }];
    const names = roots.map(({ pem }) => rootName(pem));
    if (names.every((name) => heard.includes(name))) return [];
    return [{ ...helper, why: 'its helper does not have the new root yet' }];
  });
}

function unpublished({ publishers, bundle }: OwnFacts): readonly HoldUp[] {
  return publishers.flatMap(({ name, confirmed, sequence, error }): HoldUp[] => {
    if (confirmed && sequence === bundle.sequence) return [];
    return [{ kind: 'publisher', who: name, why: error?.message ?? 'the roots in force are not confirmed there yet' }];
  });
}

/** Before the old root's key is destroyed: longer than a caller that is in use is silent. */
const seenMs = 5000;

/** Whatever is known of what was issued: this one is in use. */
function oldCallers(record: RootsRecord, { callers, issuers, now }: OwnFacts, withinMs: number): readonly HoldUp[] {
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
