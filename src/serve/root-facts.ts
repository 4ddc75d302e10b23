// What this control plane knows of who would be cut off by the next phase of a rotation of the root: of its own root, or of the one of the
// control plane that it follows.
import { X509Certificate } from 'node:crypto';
import type { CellFacts } from '../control/cell-hold-ups.ts';
import { type MovedKeys, movedKeys } from '../control/moved-keys.ts';
import type { OwnFacts } from '../control/own-hold-ups.ts';
import type { SharedFacts } from '../control/shared-hold-ups.ts';
import type { Follower } from '../follower/follower.ts';
import type { PublisherStatus } from '../identity/publisher/publisher-status.ts';
import type { HoldUp } from '../identity/roots/hold-up.ts';
import { type RootsRecord, type RotationPhase, rootName } from '../identity/roots/roots-record.ts';
import { refreshHint } from '../identity/spiffe-bundle.ts';
import { fromPem } from '../identity/x509/pem.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { parseSpiffeId, trustDomainUri } from '../model/spiffe-id.ts';
import type { SeenIssuers } from '../observe/seen-issuers.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Registry } from '../registry/registry.ts';
import type { ShownCertificate } from '../registry/shown-certificates.ts';
import { type ResourceStatus, resourceStatuses } from '../xds/csds/resource-status.ts';
import { typeUrls } from '../xds/resources/type-url.ts';
import type { XdsServer } from '../xds/server/server.ts';
import type { StreamView } from '../xds/server/stream.ts';
import type { IdentityServices } from './identity.ts';
import { issuersKnown } from './issuers-known.ts';
import type { OpenedReplicas } from './open-replicas.ts';

export interface RootFactsParts {
  readonly identity: Pick<
    IdentityServices,
    'authority' | 'server' | 'issuer' | 'nodes' | 'bans' | 'tokens' | 'api' | 'followerIssuers' | 'cells'
  >;
  readonly registry: Pick<Registry, 'proxies' | 'get'>;
  readonly streams: XdsServer['inspect'];
  readonly issuers: Pick<SeenIssuers, 'list'>;
  readonly mesh: () => MeshIr | undefined;
  /** Which certificate a proxy shows whose helper keeps its key. */
  readonly shown: (node: string) => ShownCertificate | undefined;
  /** Our bundle is served here, for other trust domains to fetch. */
  readonly bundleEndpoint: boolean;
  readonly publishers: () => readonly PublisherStatus[];
  /** The other control planes on the store. Absent: nobody shares it. */
  readonly others: Pick<OpenedReplicas, 'id' | 'list' | 'isAlive'> | undefined;
  /** The control plane that this one follows, if it follows one: the roots are replaced there. */
  readonly parent: Follower['roots'] | undefined;
  readonly clock: Pick<Clock, 'now'>;
}

export interface RootFacts {
  own(record: RootsRecord): Promise<OwnFacts>;
  shared(record: RootsRecord, elapsedMs: number): Promise<SharedFacts>;
  /** Own proxies whose Envoys show another certificate than they should. */
  shown(record: RootsRecord): Promise<readonly HoldUp[]>;
  /** Of cells that follow this one. Absent: it follows one itself. */
  readonly cells: (() => CellFacts) | undefined;
}

/** What a control plane says among the others (`about`) if it has a bundle endpoint. */
export const servesBundle = 'servesBundle';
/** Once as often as the bundle asks to be fetched, and what the fetching takes. */
const fetchedWithinMs = (refreshHint + 60) * 1000;
/** In which it matters what proxies show. */
const renewed: readonly (RotationPhase | undefined)[] = ['renew', 'taint'];

export function createRootFacts(parts: RootFactsParts): RootFacts {
  const { identity, registry, streams, publishers, others, parent, clock } = parts;
  const { authority, server, issuer, nodes, bans, api, cells, followerIssuers } = identity;
  const refused: SharedFacts['refused'] = ({ spiffeId, nodeKey }) =>
    (nodeKey !== undefined && nodes.isEvicted(nodeKey)) || bans.isBanned({ spiffeId, nodeKey });
  /** A cell's own control plane says it elsewhere than other hosts. */
  const inUse: OwnFacts['inUse'] = (host) => {
    const roots = cells?.trusting(host);
    return api.inUse(host) ?? (roots && { roots });
  };
  const moved = async (record: RootsRecord): Promise<MovedKeys> => {
    const { phase } = record.rotation ?? {};
    const issued = await issuer.issued();
    if (phase === undefined) return { issued, holdUps: [] };
    return movedKeys({
      ...{ phase, record, issued, mesh: parts.mesh(), proxies: registry.proxies(), shown: parts.shown },
    });
  };
  return {
    async own(record) {
      const views = Map.groupBy(streams(), ({ node }) => String(node));
      const chain = fromPem(server.current().chain, 'CERTIFICATE');
      const last = new X509Certificate(chain.at(-1) ?? Buffer.alloc(0));
      const over = authority.bundle
        .value()
        .roots.find((pem) => last.checkIssued(new X509Certificate(pem)) && signed(pem, last));
      const above = parent?.rotation.value()?.issuers ?? [];
      return {
        self: others?.id ?? 'this control plane',
        bundle: authority.bundle.value(),
        server: over === undefined ? '' : rootName(over),
        signer: authority.signer.issuer().root,
        proxies: registry.proxies(),
        isAlive: (replica) => others?.isAlive(replica) !== false,
        secrets: (node) => (views.get(node) ?? []).flatMap(secretsOf),
        inUse,
        publishers: publishers(),
        callers: parts.issuers.list(),
        issuers: new Map([...above, ...(await issuersKnown(record, authority.signer, followerIssuers))]),
        now: clock.now(),
      };
    },
    async shared(record, elapsedMs) {
      const [{ issued }, tokens] = await Promise.all([moved(record), identity.tokens.list()]);
      const connected = (node: string): boolean => registry.get(node) !== undefined;
      const isFetched = parts.bundleEndpoint || others?.list().some(({ about }) => about[servesBundle] === true);
      return {
        ...{ issued, tokens, refused, connected, inUse, now: clock.now(), elapsedMs },
        fetchedWithinMs: isFetched === true ? fetchedWithinMs : 0,
      };
    },
    shown: async (record) => (renewed.includes(record.rotation?.phase) ? (await moved(record)).holdUps : []),
    cells:
      cells &&
      (() => {
        const mesh = parts.mesh();
        const named = mesh && [...mesh.cells].flatMap(([name, { controlPlane }]) => (controlPlane ? [name] : []));
        return {
          seen: cells.list(),
          issuersUnder: followerIssuers.under,
          cells: named,
          refused(cell, nodeKey) {
            const spiffeId = parseSpiffeId(
              `${trustDomainUri(authority.bundle.value().trustDomain)}/cellwall/follower/${cell}`,
            );
            return spiffeId !== undefined && refused({ spiffeId, ...defined({ nodeKey }) });
          },
        };
      }),
  };
}

/** With what is in force now: what a proxy had accepted on an earlier stream is not sent again on this one. */
function secretsOf(view: StreamView): readonly ResourceStatus[] {
  const now = view.snapshot?.resources.get(typeUrls.secret);
  const secrets = resourceStatuses(view).filter(({ typeUrl }) => typeUrl === typeUrls.secret);
  return secrets.map((secret) => ({ ...secret, resource: now?.get(secret.name) }));
}

function signed(root: string, child: X509Certificate): boolean {
  return child.verify(new X509Certificate(root).publicKey);
}
