// Assembles the rotation of the root: who would be cut off, as this control plane sees it, and what it renews itself.
import { X509Certificate } from 'node:crypto';
import type { RootsAdmin } from '../admin/deps-ca.ts';
import type { CaAnswer } from '../admin/wire-ca.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ForeignRoots } from '../control/bundles.ts';
import { type MovedKeys, movedKeys } from '../control/moved-keys.ts';
import type { OwnFacts } from '../control/own-hold-ups.ts';
import type { SharedFacts } from '../control/shared-hold-ups.ts';
import type { PublisherStatus } from '../identity/publisher/publisher-status.ts';
import { type RootsRecord, type RotationPhase, retiringRoots, rootName } from '../identity/roots/roots-record.ts';
import { createRootRotation, type RootRotation, type RotationLook } from '../identity/roots/rotate-root.ts';
import { refreshHint } from '../identity/spiffe-bundle.ts';
import { maxRoots } from '../identity/trust-bundle.ts';
import type { ReplaceableRoots } from '../identity/upstream-authority.ts';
import { fromPem } from '../identity/x509/pem.ts';
import type { Clock } from '../lib/clock.ts';
import type { Countdowns } from '../lib/countdown.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { createEvent } from '../lib/event.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { SeenIssuers } from '../observe/seen-issuers.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Registry } from '../registry/registry.ts';
import type { ShownCertificate } from '../registry/shown-certificates.ts';
import { type ResourceStatus, resourceStatuses } from '../xds/csds/resource-status.ts';
import { typeUrls } from '../xds/resources/type-url.ts';
import type { XdsServer } from '../xds/server/server.ts';
import type { StreamView } from '../xds/server/stream.ts';
import { caAnswer } from './ca-answer.ts';
import { caCountdowns } from './ca-countdowns.ts';
import type { IdentityServices } from './identity.ts';
import type { OpenedReplicas } from './open-replicas.ts';
import { createRootHoldUps, sharesRoots } from './root-hold-ups.ts';

export interface RootsParts {
  readonly identity: Pick<
    IdentityServices,
    'authority' | 'server' | 'issuer' | 'nodes' | 'bans' | 'tokens' | 'api' | 'followerIssuers'
  >;
  readonly registry: Pick<Registry, 'proxies' | 'get'>;
  readonly streams: XdsServer['inspect'];
  readonly issuers: Pick<SeenIssuers, 'list'>;
  readonly mesh: () => MeshIr | undefined;
  /** Which certificate a proxy shows whose helper keeps its key. */
  readonly shown: (node: string) => ShownCertificate | undefined;
  readonly metrics: Pick<Metrics, 'watchCa'>;
  readonly countdowns: Countdowns;
  /** Of other trust domains. */
  readonly foreign: ForeignRoots;
  /** Ours is served here, for other trust domains to fetch. */
  readonly bundleEndpoint: boolean;
  readonly publishers: () => readonly PublisherStatus[];
  /** Has what a root that goes vouches for renewed. */
  readonly renew: () => void;
  /** The other control planes on the store. Absent: nobody shares it. */
  readonly others: Pick<OpenedReplicas, 'id' | 'list' | 'ask' | 'answer' | 'tell' | 'isAlive'> | undefined;
  /** The keys of the CA are in the store, for all who share it. */
  readonly caInStore: boolean;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

/** What a control plane says among the others (`about`) if it has a bundle endpoint. */
const servesBundle = 'servesBundle';
/** Once as often as the bundle asks to be fetched, and what the fetching takes. */
const fetchedWithinMs = (refreshHint + 60) * 1000;
/** In which it matters what proxies show. */
const renewed: readonly (RotationPhase | undefined)[] = ['renew', 'taint'];

export function openRoots(parts: RootsParts): RootsAdmin {
  const { identity, registry, streams, publishers, renew, others, caInStore, audit, clock, log, lifecycle } = parts;
  const { authority, server, issuer, nodes, api } = identity;
  const why = whyNot(authority.replaceable !== undefined, others !== undefined && !caInStore);
  const own = async (): Promise<OwnFacts> => {
    const views = Map.groupBy(streams(), ({ node }) => String(node));
    const chain = fromPem(server.current().chain, 'CERTIFICATE');
    const last = new X509Certificate(chain.at(-1) ?? Buffer.alloc(0));
    const over = authority.bundle
      .value()
      .roots.find((pem) => last.checkIssued(new X509Certificate(pem)) && signed(pem, last));
    return {
      self: others?.id ?? 'this control plane',
      bundle: authority.bundle.value(),
      server: over === undefined ? '' : rootName(over),
      signer: authority.signer.issuer().root,
      proxies: registry.proxies(),
      isAlive: (replica) => others?.isAlive(replica) !== false,
      secrets: (node) => (views.get(node) ?? []).flatMap(secretsOf),
      inUse: api.inUse,
      publishers: publishers(),
      callers: parts.issuers.list(),
      issuers: await authority.signer.issuers(),
      now: clock.now(),
    };
  };
  const tell = async (phase: string, { rotation: going, last }: RootsRecord): Promise<void> => {
    const { by: author = 'cellwall', reason, cut = last?.cut ?? [] } = going ?? {};
    const event = { kind: 'root-rotation', author, phase, cut: [...cut], ...defined({ reason }) } as const;
    await audit
      .append(event)
      .catch((cause: unknown) => log.error({ phase, reason: String(cause) }, 'not in the audit log'));
  };
  const refused: SharedFacts['refused'] = ({ spiffeId, nodeKey }) =>
    (nodeKey !== undefined && nodes.isEvicted(nodeKey)) || identity.bans.isBanned({ spiffeId, nodeKey });
  const looked = createEvent<RotationLook>();
  const moved = async (record: RootsRecord): Promise<MovedKeys> => {
    const { phase } = record.rotation ?? {};
    const issued = await issuer.issued();
    if (phase === undefined) return { issued, holdUps: [] };
    return movedKeys({
      ...{ phase, record, issued, mesh: parts.mesh(), proxies: registry.proxies(), shown: parts.shown },
    });
  };
  const shared = async (record: RootsRecord, elapsedMs: number): Promise<SharedFacts> => {
    const [{ issued }, tokens] = await Promise.all([moved(record), identity.tokens.list()]);
    const cells = identity.followerIssuers.under(retiringRoots(record));
    const followers = cells.map(({ serialNumber: serial, validToDate: notAfter }) => ({ serial, notAfter }));
    const connected = (node: string): boolean => registry.get(node) !== undefined;
    const isFetched = parts.bundleEndpoint || others?.list().some(({ about }) => about[servesBundle] === true);
    return {
      ...{ issued, tokens, followers, refused, connected, inUse: api.inUse, now: clock.now(), elapsedMs },
      fetchedWithinMs: isFetched === true ? fetchedWithinMs : 0,
    };
  };
  const holdUps = createRootHoldUps({
    ...{ others, own, shared, renew, clock },
    shown: async (record) => (renewed.includes(record.rotation?.phase) ? (await moved(record)).holdUps : []),
    record: () => authority.replaceable?.record(),
    onLook: looked.tell,
  });
  const open = (roots: ReplaceableRoots): RootRotation =>
    createRootRotation({
      ...{ roots, renew, clock, log, holdUps: holdUps.gather },
      onPhase: (record) => void tell(record.rotation?.phase ?? record.last?.outcome ?? 'ended', record),
    });
  const rotation = authority.replaceable === undefined ? undefined : open(authority.replaceable);
  if (rotation !== undefined) looked.listen(rotation.hear);
  lifecycle.defer('rotation of the root', async () => rotation?.close());
  if (rotation !== undefined && why === undefined) others?.tell(sharesRoots);
  if (parts.bundleEndpoint) others?.tell(servesBundle);
  const running = (): RootRotation => {
    if (rotation !== undefined && why === undefined) return rotation;
    throw new CellwallError('failed_precondition', why ?? 'the root is not replaced here');
  };
  const status = (): CaAnswer => caAnswer(authority, { rotation, ...defined({ notReplaceable: why }) });
  parts.countdowns.add(() => caCountdowns(authority, status(), parts.mesh(), parts.foreign));
  parts.metrics.watchCa(
    () => ({ countdowns: parts.countdowns.list(), ...defined({ rotation: status().rotation }) }),
    clock.now,
  );
  return {
    status,
    async rotate(request) {
      const { length } = authority.bundle.value().roots;
      if (length >= maxRoots) {
        throw new CellwallError('failed_precondition', `there are ${length} roots already: no more fit into a bundle`, {
          hint: 'take out those of --ca-extra-roots that nothing in use was issued under',
        });
      }
      const cells = identity.followerIssuers.under(authority.ownRoots.value()).length;
      if (cells > 0 && request.compromised !== true) {
        throw new CellwallError(
          'failed_precondition',
          `control planes of cells have intermediates under this root: ${cells}`,
          {
            hint: 'what they signed cannot be moved from here: wait for their end, or --compromised, which cuts them off',
          },
        );
      }
      const [unable] = holdUps.unable();
      if (unable !== undefined) {
        throw new CellwallError('failed_precondition', `the control plane ${unable} cannot take part in a rotation`, {
          hint: 'it is starting, of an earlier version, or has no --bootstrap-secret: start it as the others, or stop it',
        });
      }
      await running().begin(request);
      return status();
    },
    async abort() {
      await running().abort();
      return status();
    },
  };
}

/** With what is in force now: what a proxy had accepted on an earlier stream is not sent again on this one. */
function secretsOf(view: StreamView): readonly ResourceStatus[] {
  const now = view.snapshot?.resources.get(typeUrls.secret);
  const secrets = resourceStatuses(view).filter(({ typeUrl }) => typeUrl === typeUrls.secret);
  return secrets.map((secret) => ({ ...secret, resource: now?.get(secret.name) }));
}

function whyNot(replaceable: boolean, apart: boolean): string | undefined {
  if (!replaceable) return 'its root is replaced where the CA is: at the parent, or in the backend that --ca names';
  if (apart)
    return 'control planes can share this store, and each would replace a root of its own: use --bootstrap-secret';
  return undefined;
}

function signed(root: string, child: X509Certificate): boolean {
  return child.verify(new X509Certificate(root).publicKey);
}
