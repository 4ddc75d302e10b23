// How somebody is thrown out, and let in again: refused by the control plane and by every proxy, and cut off from what it has open. In this
// order: first proxies refuse what it begins anew, then what it has open ends, so that it cannot open it again in between.
import type { NodeRegistry } from '../identity/attestor/node-registry.ts';
import type { Ban, BanTarget } from '../identity/ban/ban.ts';
import type { Bans } from '../identity/ban/bans.ts';
import type { IssuedCertificate } from '../identity/issued-log.ts';
import type { Issuer } from '../identity/issuer.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { hostNamePattern } from '../lib/host-name.ts';
import { readNodeId } from '../lib/node-id.ts';
import { type SpiffeId, serverSpiffeId, type TrustDomain, trustDomainOf } from '../model/spiffe-id.ts';
import type { Registry } from '../registry/registry.ts';
import type { Ended } from './kept-cuts.ts';

/** Whom an operator means. */
export type BanQuery =
  | { readonly kind: 'identity'; readonly spiffeId: SpiffeId }
  /** The host that a certificate was issued to, hex. */
  | { readonly kind: 'serial'; readonly serial: string }
  /** A node key, 12 digits or more; or a proxy's name. */
  | { readonly kind: 'node'; readonly node: string };

export interface BanOrder {
  readonly author: string;
  readonly reason?: string;
}

export interface Banned {
  readonly ban: Ban;
  /** Those whose streams were closed here, and that are no endpoints any more. */
  readonly proxies: readonly string[];
  /** The store did not take it: it is in force only here, and until a restart. */
  readonly failed?: CellwallError;
}

export interface Banning {
  list(): readonly Ban[];
  /** Throws `not_found`, `failed_precondition` for somebody whom the operator or the control plane needs, `resource_exhausted`. */
  ban(query: BanQuery, order: BanOrder): Promise<Banned>;
  /** Undefined if it was not banned. Throws like `ban` for a query that cannot be understood. */
  lift(query: BanQuery): Promise<Ban | undefined>;
  /** Closes what banned ones have open at the control plane, and gives callers their endpoints no longer. */
  cutOff(): readonly string[];
  /** Cuts what a banned one has open at services, where others banned it. */
  endOpen(ban: Ban): Promise<void>;
}

export interface BanningDeps {
  readonly bans: Bans;
  readonly trustDomain: TrustDomain;
  readonly nodes: Pick<NodeRegistry, 'list' | 'find'>;
  readonly issuer: Pick<Issuer, 'issued'>;
  readonly registry: Pick<Registry, 'proxies' | 'evict' | 'get'>;
  /** Of the longest-lived certificate that anybody may issue to an identity from now on, milliseconds; infinite: that is not known. */
  readonly lifetimeMs: (id: SpiffeId | undefined) => number;
  /** Cuts what an identity has open at services. */
  readonly end: (ended: Ended) => void;
  /** Closes the streams of a proxy. */
  readonly disconnect: (node: string, reason: CellwallError) => void;
  readonly clock: Clock;
}

/** A host with more has others to be named by. */
const maxNames = 16;
/** A proxy's clock may be behind by that (docs/operations.md, "Clocks"): until then it accepts certificates that have ended. */
const slowClockMs = 3_600_000;
const reason = new CellwallError('permission_denied', 'this host or its identity is banned', {
  hint: 'an operator can lift the ban: cellwall unban',
});

export function createBanning(deps: BanningDeps): Banning {
  const { bans, trustDomain, nodes, issuer, registry, lifetimeMs, end, disconnect, clock } = deps;

  /** `isBanned`: it is about a ban that there is; another host may have its proxy's name since. */
  const hostOf = async (query: Exclude<BanQuery, { kind: 'identity' }>, isBanned: boolean): Promise<string> => {
    if (query.kind === 'serial') {
      const found = (await issuer.issued()).find(({ serial }) => serial === query.serial);
      if (found === undefined) {
        throw new CellwallError('not_found', 'no certificate with that serial is on record', {
          hint: '"cellwall certs" lists serials, "cellwall node list" hosts: ban the host with --node',
        });
      }
      if (found.nodeKey !== undefined) return found.nodeKey;
      throw new CellwallError('failed_precondition', `that certificate of ${found.spiffeId} is bound to no host`, {
        hint: `ban the identity: cellwall ban ${found.spiffeId}`,
      });
    }
    const { node } = query;
    if (hostNamePattern.test(node)) return node;
    if (readNodeId(node) !== undefined) {
      const holder = registry.get(node)?.holder;
      if (holder !== undefined && !isBanned) return holder;
      const then = bannedAs(node) ?? holder;
      if (then !== undefined) return then;
    }
    const keys = /^[0-9a-f]{12,63}$/.test(node) ? await keysThatBegin(node) : [];
    if (keys.length > 1)
      throw new CellwallError('invalid_argument', 'more than one node key begins so', { hint: 'give all of it' });
    if (keys[0] !== undefined) return keys[0];
    throw new CellwallError('not_found', 'no host with that node key, and no such proxy', {
      hint: '"cellwall node list" shows hosts; of a node key give 12 digits or more',
    });
  };
  const keysThatBegin = async (start: string): Promise<readonly string[]> => {
    const banned = bans.list().flatMap(({ target }) => (target.kind === 'host' ? target.nodeKey : []));
    const all = [...(await nodes.list()).map(({ nodeKey }) => nodeKey), ...banned];
    return [...new Set(all.filter((nodeKey) => nodeKey.startsWith(start)))];
  };
  const bannedAs = (proxy: string): string | undefined => {
    const hosts = bans.list().flatMap(({ target, proxies }) => {
      return target.kind === 'host' && proxies?.includes(proxy) === true ? target.nodeKey : [];
    });
    const [first, second] = new Set(hosts);
    if (second === undefined) return first;
    throw new CellwallError('invalid_argument', 'more than one banned host had a proxy of that name', {
      hint: `give the node key: ${[...new Set(hosts)].map((key) => key.slice(0, 16)).join(', ')}`,
    });
  };
  const targetOf = async (query: BanQuery, isBanned = false): Promise<BanTarget> =>
    query.kind === 'identity' ? query : { kind: 'host', nodeKey: await hostOf(query, isBanned) };

  /** Without these nobody could lift the ban, or nobody would be served. */
  const refuseOwn = (target: BanTarget, spiffeId: SpiffeId | undefined, author: string): void => {
    const id = target.kind === 'identity' ? target.spiffeId : spiffeId;
    if (target.kind === 'identity' && trustDomainOf(target.spiffeId) !== trustDomain) {
      throw new CellwallError('invalid_argument', `${target.spiffeId} is of another trust domain than ${trustDomain}`);
    }
    if (id === serverSpiffeId(trustDomain)) {
      throw new CellwallError('failed_precondition', `${id} is the control plane itself`);
    }
    if (id !== undefined && id === author) {
      throw new CellwallError('failed_precondition', `${id} is who is asking: you would lock yourself out`, {
        hint: 'have another operator do it',
      });
    }
  };

  const cutOff = (): readonly string[] => {
    const holders = new Set<string>();
    const cut: string[] = [];
    for (const { node, holder, spiffeId } of registry.proxies()) {
      if (!bans.isBanned({ spiffeId, nodeKey: holder })) continue;
      // First its streams, while they are still known as its own, and then its name and its endpoint.
      disconnect(node, reason);
      cut.push(node);
      if (holder !== undefined) holders.add(holder);
    }
    for (const holder of holders) registry.evict(holder);
    return cut;
  };

  /** Once: nothing new is let in. */
  const endAll = (target: BanTarget, had: readonly (SpiffeId | undefined)[]): void => {
    for (const id of new Set(target.kind === 'identity' ? [target.spiffeId] : had)) {
      if (id !== undefined) end({ id, until: 0 });
    }
  };

  return {
    list: bans.list,
    cutOff,
    async endOpen({ target, spiffeId }) {
      // Whatever becomes of the record.
      const issued = await issuer.issued().catch(() => []);
      endAll(target, [...issued.filter((one) => isOf(one, target)).map((one) => one.spiffeId), spiffeId]);
    },
    async ban(query, { author, reason }) {
      const target = await targetOf(query);
      const issued = (await issuer.issued()).filter((certificate) => isOf(certificate, target));
      const node = target.kind === 'host' ? await nodes.find(target.nodeKey) : undefined;
      const spiffeId = target.kind === 'host' ? (node?.spiffeId ?? issued.at(-1)?.spiffeId) : undefined;
      refuseOwn(target, spiffeId, author);
      const at = clock.now();
      const lasts = at + lifetimeMs(target.kind === 'identity' ? target.spiffeId : spiffeId);
      const ends = Math.max(lasts, ...issued.map(({ notAfter }) => Date.parse(notAfter))) + slowClockMs;
      const until = Math.min(ends, Number.MAX_SAFE_INTEGER);
      const found = registry
        .proxies()
        .filter(({ spiffeId: id, holder }) => isOf({ spiffeId: id, nodeKey: holder }, target))
        .map(({ node: name }) => name);
      const names = [...found, ...(bans.find(target)?.proxies ?? []), ...issued.flatMap(({ node: name = [] }) => name)];
      const proxies = target.kind === 'host' ? [...new Set(names)].slice(0, maxNames) : undefined;
      const ban: Ban = { target, author, at, until, ...defined({ spiffeId, proxies, reason }) };
      let failed: CellwallError | undefined;
      // It is in force here, whatever the store answers; elsewhere before anything is cut.
      await bans.ban(ban).catch((why: unknown) => {
        failed = CellwallError.from(why);
      });
      if (failed !== undefined && bans.find(target) === undefined) throw failed;
      endAll(target, [...issued.map((one) => one.spiffeId), spiffeId]);
      const done = { ban, proxies: found };
      return failed === undefined ? done : { ...done, failed: onlyHere(failed) };
    },
    async lift(query) {
      const target = await targetOf(query, true);
      const ban = bans.find(target);
      if (ban === undefined) return undefined;
      return (await bans.lift(target)) ? ban : undefined;
    },
  };
}

function onlyHere(cause: CellwallError): CellwallError {
  return new CellwallError(
    cause.code,
    `banned by this control plane, but the store did not take it: ${cause.message}`,
    {
      hint: 'run it again once the store takes writes: until then neither other control planes know of it, nor this one after a restart',
      cause,
    },
  );
}

function isOf(
  { spiffeId, nodeKey }: Pick<IssuedCertificate, 'spiffeId'> & { readonly nodeKey?: string | undefined },
  target: BanTarget,
): boolean {
  return target.kind === 'identity' ? spiffeId === target.spiffeId : nodeKey === target.nodeKey;
}
