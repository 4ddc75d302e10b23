// The hosts that joined, by their node keys, and how one is evicted: its key, every SVID bound to it, and its proxies are refused from now
// on, whatever is applied later. Its open connections to the control plane are closed.
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
  /** When it last joined or renewed; epoch milliseconds, 0 if unknown. */
  readonly seenAt: number;
  /** Its connected or held proxies. */
  readonly proxies: readonly string[];
}

export interface Evicted {
  readonly nodeKeys: readonly string[];
  readonly proxies: readonly string[];
}

export interface Hosts {
  list(): Promise<readonly Host[]>;
  /**
   * By node key (12 digits or more), by a proxy's name, by the serial of any SVID that it has or had, or all hosts of a SPIFFE ID. Throws
   * `not_found`.
   */
  evict(target: string): Promise<Evicted>;
  /**
   * All hosts of an identity that no longer has a document. What its proxies have open stays until it has one again, but callers are no
   * longer given them.
   */
  evictAll(spiffeId: SpiffeId): Promise<readonly string[]>;
  /** Closes what evicted hosts still have open. */
  cutOff(): void;
}

export interface HostsDeps {
  readonly nodes: NodeRegistry;
  readonly registry: Pick<Registry, 'proxies' | 'evict' | 'get'>;
  readonly issuer: Pick<Issuer, 'issued'>;
  /** Called with identities that no host may have any more, or that an evicted one had: what they have open at services is cut. */
  readonly ended: (ended: { readonly id: SpiffeId; readonly until: number }) => void;
  /** Closes the streams of a proxy. */
  readonly disconnect: (node: string, reason: CellwallError) => void;
}

const reason = new CellwallError('permission_denied', 'this host was evicted', {
  hint: 'start it with a new join token: cellwall token create',
});

/** If the store cannot record an eviction, `evict` throws, but the host is evicted here. */
export function createHosts({ nodes, registry, issuer, ended, disconnect }: HostsDeps): Hosts {
  const cut = (nodeKey: string): readonly string[] => {
    // First its streams, while they are still known as its own, and then its name and its endpoint.
    for (const { node, holder } of registry.proxies()) if (holder === nodeKey) disconnect(node, reason);
    return registry.evict(nodeKey);
  };
  /** Each until the last of these certificates has expired. */
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
      // It is evicted here, whatever the store answers.
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
        // Even if none is known, or nothing can be determined.
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
