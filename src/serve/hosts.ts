// The hosts that joined, by their node keys, and how one is evicted: its key, every SVID that is bound to it, and its proxies, from now on
// and whatever is applied later. What it has open to the control plane ends.
import type { NodeRegistry } from '../identity/attestor/node-registry.ts';
import type { IssuedCertificate } from '../identity/issued-log.ts';
import type { Issuer } from '../identity/issuer.ts';
import { CellwallError } from '../lib/errors.ts';
import { readNodeId } from '../lib/node-id.ts';
import { parseSpiffeId, type SpiffeId } from '../model/spiffe-id.ts';
import type { Registry } from '../registry/registry.ts';

export interface Host {
  /** SHA-256 of the node key, hex. */
  readonly nodeKey: string;
  readonly spiffeId: SpiffeId;
  /** When it joined or renewed last; epoch milliseconds, 0 where that is not known. */
  readonly seenAt: number;
  /** Its proxies that are connected or held. */
  readonly proxies: readonly string[];
}

export interface Evicted {
  readonly nodeKeys: readonly string[];
  readonly proxies: readonly string[];
}

export interface Hosts {
  list(): Promise<readonly Host[]>;
  /**
   * By node key (12 digits or more), by a proxy's name, by the serial of any SVID that it has or had, or all of a SPIFFE ID. Throws
   * `not_found`.
   */
  evict(target: string): Promise<Evicted>;
  /** All of an identity that has no document any more. What its proxies have open stays until it has one again: nobody is sent there. */
  evictAll(spiffeId: SpiffeId): Promise<readonly string[]>;
  /** Ends what evicted hosts still have open. */
  cutOff(): void;
}

export interface HostsDeps {
  readonly nodes: NodeRegistry;
  readonly registry: Pick<Registry, 'proxies' | 'evict' | 'get'>;
  readonly issuer: Pick<Issuer, 'issued'>;
  /** Told of identities that no host may have any more, or an evicted one had: what they have open at services ends. */
  readonly ended: (ended: { readonly id: SpiffeId; readonly until: number }) => void;
  /** Ends the streams of a proxy. */
  readonly disconnect: (node: string, reason: CellwallError) => void;
}

const reason = new CellwallError('permission_denied', 'this host was evicted', {
  hint: 'start it with a new join token: cellwall token create',
});

export function createHosts({ nodes, registry, issuer, ended, disconnect }: HostsDeps): Hosts {
  const cut = (nodeKey: string): readonly string[] => {
    // Its streams while it is still known as theirs, and then its name and its endpoint.
    for (const { node, holder } of registry.proxies()) if (holder === nodeKey) disconnect(node, reason);
    return registry.evict(nodeKey);
  };
  /** Each until its last certificate of those is over. */
  const end = (certificates: readonly IssuedCertificate[]): void => {
    for (const [id, own] of Map.groupBy(certificates, ({ spiffeId }) => spiffeId)) {
      ended({ id, until: lastEnd(own) });
    }
  };
  const evictKeys = async (nodeKeys: readonly string[]): Promise<Evicted> => {
    const proxies: string[] = [];
    let failed: CellwallError | undefined;
    for (const nodeKey of nodeKeys) {
      await nodes.evict(nodeKey).catch((reason: unknown) => {
        failed = CellwallError.from(reason);
      });
      // It is out here, whatever the store says to it.
      proxies.push(...cut(nodeKey));
    }
    end((await issuer.issued()).filter(({ nodeKey }) => nodeKey !== undefined && nodeKeys.includes(nodeKey)));
    if (failed === undefined) return { nodeKeys, proxies };
    throw new CellwallError(
      failed.code,
      `evicted by this control plane, but the store did not take it: ${failed.message}`,
      {
        hint: 'run it again once the store takes writes: until then other control planes do not know of it',
        cause: failed,
      },
    );
  };
  const keysOf = async (target: string): Promise<readonly string[]> => {
    if (readNodeId(target) !== undefined) {
      // `status` shows it without the scheme.
      const holder = registry.get(target.startsWith('spiffe://') ? target : `spiffe://${target}`)?.holder;
      return holder === undefined ? [] : [holder];
    }
    if (/^[0-9a-f]{64}$/.test(target)) return [target];
    const known = await nodes.list();
    const spiffeId = parseSpiffeId(target);
    if (spiffeId !== undefined) return known.filter((node) => node.spiffeId === spiffeId).map(({ nodeKey }) => nodeKey);
    if (!/^[0-9a-f]{12,64}$/.test(target)) return [];
    const issued = (await issuer.issued()).find(({ serial }) => serial === target)?.nodeKey;
    const keys = new Set([
      ...known.map(({ nodeKey }) => nodeKey).filter((nodeKey) => nodeKey.startsWith(target)),
      ...(issued === undefined ? [] : [issued]),
    ]);
    if (keys.size > 1)
      throw new CellwallError('invalid_argument', 'more than one node key begins so', { hint: 'give all of it' });
    return [...keys];
  };
  return {
    async list() {
      const proxies = registry.proxies();
      return (await nodes.list()).map((host) => ({
        ...host,
        proxies: proxies.filter(({ holder }) => holder === host.nodeKey).map(({ node }) => node),
      }));
    },
    async evict(target) {
      const keys = await keysOf(target);
      if (keys.length > 0) return evictKeys(keys);
      throw new CellwallError('not_found', 'no host of that node key, proxy, serial or identity joined', {
        hint: '"cellwall node list" shows them; "cellwall certs" the serials',
      });
    },
    async evictAll(spiffeId) {
      let own: readonly IssuedCertificate[] = [];
      try {
        own = (await issuer.issued()).filter((certificate) => certificate.spiffeId === spiffeId);
      } finally {
        // Also where none is known, or nothing can be known.
        ended({ id: spiffeId, until: lastEnd(own) });
      }
      return nodes.evictAll(spiffeId);
    },
    cutOff() {
      for (const { holder } of registry.proxies()) if (holder !== undefined && nodes.isEvicted(holder)) cut(holder);
    },
  };
}

function lastEnd(certificates: readonly IssuedCertificate[]): number {
  return Math.max(0, ...certificates.map(({ notAfter }) => Date.parse(notAfter)));
}
