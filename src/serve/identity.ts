// Assembles everything in the control plane that creates, attests and hands out identities.
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { AuditLog } from '../audit/audit-log.ts';
import { createEntitlement, type Entitlement } from '../control/entitlement.ts';
import type { Follower } from '../follower/follower.ts';
import { type AttestedLog, createAttestedLog } from '../identity/attested-log.ts';
import type { AttestorDeps, Standing } from '../identity/attestor/attestor.ts';
import type { AttestorOptions } from '../identity/attestor/attestor-options.ts';
import { createAttestors } from '../identity/attestor/catalog.ts';
import { createJoinTokenAttestor, type JoinTokenAttestor } from '../identity/attestor/join-token.ts';
import { createNodeRegistry, type NodeRegistry } from '../identity/attestor/node-registry.ts';
import { type Bans, createBans } from '../identity/ban/bans.ts';
import { knownRoot } from '../identity/ca/known-root.ts';
import type { ForeignBundle } from '../identity/federation/foreign-bundle.ts';
import { createFollowerIssuers, type FollowerIssuers } from '../identity/follower-issuers.ts';
import { createIssuer, type Issuer } from '../identity/issuer.ts';
import { type OpenAuthority, openAuthority } from '../identity/open-authority.ts';
import { createSealedTable, sealKey } from '../identity/sealed-table.ts';
import { createServerSvid, type ServerSvid } from '../identity/server-svid.ts';
import type { TrustBundle } from '../identity/trust-bundle.ts';
import { createVouched } from '../identity/vouched.ts';
import { certificateFingerprint } from '../identity/x509/fingerprint.ts';
import { createIdentityApi, type IdentityApi } from '../identity-api/identity-api.ts';
import { createRefusedSvids, type RefusedSvids } from '../identity-api/refused-svids.ts';
import type { Clock } from '../lib/clock.ts';
import type { Countdowns } from '../lib/countdown.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import { readNodeId } from '../lib/node-id.ts';
import type { RightOfWay } from '../lib/right-of-way.ts';
import type { Table } from '../lib/table.ts';
import { createWatched, type Watchable, type Watched } from '../lib/watchable.ts';
import { parseSpiffeId, type TrustDomain } from '../model/spiffe-id.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Store } from '../store/store.ts';
import { createFollowed, type FollowedCells } from './followed.ts';
import { type HeardBans, hearBans } from './hear-bans.ts';
import { keepRootCopy, openCaStorage } from './open-ca-storage.ts';
import { type OpenJwt, openJwt } from './open-jwt.ts';
import type { Receivers } from './receivers.ts';
import { recordExchanges } from './record-exchanges.ts';
import { checkSameAuthority } from './same-authority.ts';
import type { ServeOptions } from './serve-options.ts';

export interface IdentityServices {
  /** Pushed to all watchers when the roots change. */
  readonly bundle: Watchable<TrustBundle>;
  /** The CA itself. */
  readonly authority: OpenAuthority;
  readonly issuer: Issuer;
  readonly nodes: NodeRegistry;
  readonly bans: Bans;
  /** Whom the parent banned, as it is heard. */
  readonly heardBans: HeardBans;
  /** What they signed earns nothing here. */
  readonly followerIssuers: FollowerIssuers;
  readonly tokens: JoinTokenAttestor;
  readonly attested: AttestedLog;
  readonly server: ServerSvid;
  readonly api: IdentityApi;
  readonly entitlement: Entitlement;
  /** Who asked for an SVID here and got none. */
  readonly refusedSvids: Pick<RefusedSvids, 'list' | 'watch'>;
  /** JWT-SVIDs: which were issued, and how relying parties learn to verify them. */
  readonly jwt: Pick<OpenJwt, 'list' | 'watch' | 'listens' | 'published'>;
  readonly jwtKeys: OpenJwt['services']['keys'];
  /** Bundles of foreign trust domains, which are opened later. */
  readonly foreign: Watched<readonly ForeignBundle[]>;
  /** Control planes that follow this one. Absent: it follows one itself. */
  readonly followers: FollowedCells['list'] | undefined;
  /** What those say of a rotation of the root. */
  readonly cells: FollowedCells['cells'] | undefined;
}

export interface IdentityServicesDeps {
  readonly data: string;
  /** Which CA. Default: the built-in one. */
  readonly ca: ServeOptions['ca'];
  readonly attestors: AttestorOptions;
  readonly bootstrapSecret: ServeOptions['bootstrapSecret'];
  readonly oidc: ServeOptions['oidc'];
  readonly countdowns: Countdowns;
  /** For tests, in which the CA does at once what it otherwise does over months. */
  readonly openCa?: typeof openAuthority | undefined;
  /** Other control planes may use the same store, by mistake or on purpose. */
  readonly shared: boolean;
  /** It follows another control plane, and is followed by none. */
  readonly follows: Follower | undefined;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly metrics: Pick<Metrics, 'watchFollowing'>;
  /** Of the program. */
  readonly version: string;
  readonly trustDomain: TrustDomain;
  readonly mesh: () => MeshIr | undefined;
  readonly store: Store;
  readonly way: RightOfWay;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
  /** How long before their issue certificates begin, in milliseconds. */
  readonly backdate: () => number;
  readonly receive: Receivers;
}

/** Rejects if the store belongs to another CA. What was opened closes with `lifecycle`. */
export async function createIdentityServices(deps: IdentityServicesDeps): Promise<IdentityServices> {
  const { data, shared, trustDomain, mesh, store, clock, log, lifecycle } = deps;
  const { counters, ...receive } = deps.receive;
  const { ca = {}, openCa = openAuthority } = deps;
  const folder = join(data, 'ca');
  const checkShared = async (fingerprints: readonly string[]): Promise<void> => {
    if (shared) await checkSameAuthority({ table: store.table('authority'), folder, fingerprints });
  };
  const isBuiltIn = deps.follows === undefined && (ca.kind ?? 'built-in') === 'built-in';
  const storage = await openCaStorage({
    ...{ folder, secretFile: deps.bootstrapSecret, store, shared, makesRoot: isBuiltIn, clock, log, lifecycle },
  });
  const known = knownRoot(folder);
  // Twice: before an unwanted root would be created, and for the one that was created.
  if (isBuiltIn && storage === undefined) await checkShared(known === undefined ? [] : known.fingerprints);
  const authority = await openCa(ca, { dir: folder, trustDomain, clock, log, ...defined({ storage }) });
  lifecycle.defer('authority', () => authority.close());
  const had = authority.replaceable?.record().removed ?? [];
  const roots = [...authority.ownRoots.value(), ...had];
  await checkShared(roots.map((pem) => certificateFingerprint(new X509Certificate(pem).raw)));
  if (isBuiltIn && storage !== undefined) keepRootCopy(folder, roots);
  const { bundle, signer } = authority;
  const key = sealKey(join(data, 'seal.key'));
  const sealed = (name: string): Table => createSealedTable({ table: store.table(name), name, key, log });
  const nodes = createNodeRegistry({ nodes: sealed('nodes'), evicted: sealed('evicted-nodes'), clock });
  await nodes.restore();
  lifecycle.defer('node registry', async () => nodes.stop());
  const bans = createBans({ table: sealed('bans'), clock });
  await bans.restore();
  lifecycle.defer('known bans', async () => bans.stop());
  const heardBans = await hearBans({ parent: deps.follows?.bans, bans, clock, lifecycle });
  const followerIssuers = createFollowerIssuers({ table: sealed('follower-issuers'), clock, log });
  await followerIssuers.restore();
  lifecycle.defer('follower issuers', async () => followerIssuers.stop());
  const entitlement = createEntitlement({ trustDomain, mesh, nodes });
  const { identify, whyNot, knows } = entitlement;
  /** Throws for an SVID that is valid, and counts for nothing any more. */
  const check = ({ spiffeId, nodeKey, chain = [] }: Standing): void => {
    bans.check({ spiffeId, nodeKey });
    nodes.check(nodeKey);
    followerIssuers.refuse(chain);
  };
  const policy = createVouched({ policy: entitlement.policy, nodes, check });
  const issuer = createIssuer({
    ...{ signer, bundle, trustDomain, policy, clock, log },
    table: store.table('issued'),
    refuse: bans.check,
    backdate: deps.backdate,
  });
  const foreign = createWatched<readonly ForeignBundle[]>([]);
  const jwt = await openJwt({
    ...{ data, oidc: deps.oidc, shared, trustDomain, policy, refuse: bans.check, clock, log, lifecycle },
    countdowns: deps.countdowns,
    ...{ keys: sealed('jwt-keys'), issued: store.table('issued-jwts'), jobs: store.table('jobs') },
  });
  const attesting: AttestorDeps = {
    tokens: sealed('join-tokens'),
    issuerKeys: sealed('issuer-keys'),
    nodes,
    vouching: { trustDomain, check },
    options: deps.attestors,
    ...{ clock, bundle, log },
  };
  const attestors = await createAttestors(attesting);
  const tokens = createJoinTokenAttestor(attesting);
  const attested = createAttestedLog({ table: sealed('attested'), clock, log });
  lifecycle.defer('how hosts proved themselves', attested.written);
  const server = await createServerSvid({ issuer, trustDomain, clock, log });
  lifecycle.defer('server certificate', () => server.close());
  deps.countdowns.add(() => {
    const { notBefore, notAfter } = server.current();
    return [{ kind: 'server', name: 'own', notBefore: notBefore.getTime(), notAfter: notAfter.getTime() }];
  });
  const { follows, audit, version } = deps;
  const offered = {
    ...{ store, mesh, authority, nodes, bans, issuers: followerIssuers },
    ...{ trustDomain, audit, version, clock, log },
  };
  const followed = follows === undefined ? createFollowed(offered) : undefined;
  deps.metrics.watchFollowing({ parent: follows?.status, followers: () => followed?.list().length ?? 0 });
  const refusedSvids = createRefusedSvids(clock);
  const api = createIdentityApi({
    followed,
    whyNot,
    refused: {
      note(refusal) {
        const { by, address, attestor, spiffeId, nodeKey, failed, why } = refusal;
        refusedSvids.note(refusal);
        if (why.length > 0)
          log.warn(
            { by, address, attestor, spiffeId, nodeKey, code: failed.code, why },
            'no SVID: no selector matches',
          );
      },
    },
    jwt: jwt.services,
    foreign: foreign.value,
    exchanges: recordExchanges({ audit, clock, log, lifecycle }),
    ...{
      issuer,
      bundle,
      trustDomain,
      attestors,
      identify,
      nodes,
      bans,
      attested,
      server,
      clock,
      log,
      ...receive,
      way: deps.way,
    },
    counters(from, report, begunAt) {
      counters(from, report, begunAt);
      // The only request that a sidecar repeats regularly: so it learns early what would otherwise be a refused renewal, half a lifetime
      // later.
      const id = parseSpiffeId(readNodeId(from.node)?.identity ?? '');
      if (mesh() !== undefined && id !== undefined && !knows(id)) {
        throw new CellwallError('failed_precondition', `no Service or Workload has the identity ${id} any more`);
      }
      if (from.nodeKey !== undefined) nodes.check(from.nodeKey);
    },
  });
  const unwatch = bans.watch(api.turnAway);
  lifecycle.defer('identity API', () => {
    unwatch();
    return api.close();
  });
  return {
    authority,
    bundle,
    issuer,
    nodes,
    bans,
    heardBans,
    followerIssuers,
    tokens,
    attested,
    server,
    api,
    entitlement,
    followers: followed?.list,
    cells: followed?.cells,
    refusedSvids,
    jwt,
    jwtKeys: jwt.services.keys,
    foreign,
  };
}
