// Assembles the control plane: store, identities, control, xDS, admin. What the process opened is closed in reverse order.
import { awayStatus } from '../admin/away-status.ts';
import { listCertificates } from '../admin/list-certificates.ts';
import { adminTokenFile } from '../admin/token.ts';
import type { ChangedIdentities } from '../control/changed-identities.ts';
import { createControl } from '../control/control.ts';
import { followPorts } from '../control/served-ports.ts';
import { createProbeNames } from '../cutover/probe-names.ts';
import { readAttestorOptions } from '../identity/attestor/attestor-options.ts';
import { openPublishers } from '../identity/publisher/publishers.ts';
import { backdateFor } from '../identity/rotation.ts';
import { ensureDataFolder } from '../identity/secret-file.ts';
import type { Svid } from '../identity/svid.ts';
import type { Clock } from '../lib/clock.ts';
import { createCountdowns } from '../lib/countdown.ts';
import { defined } from '../lib/defined.ts';
import { createEvent } from '../lib/event.ts';
import { lockFolder } from '../lib/folder-lock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import { listening } from '../lib/listening.ts';
import type { Log } from '../lib/log.ts';
import { createRightOfWay } from '../lib/right-of-way.ts';
import { createSummedLog } from '../lib/summed-log.ts';
import { createWatched } from '../lib/watchable.ts';
import { createMetrics } from '../observe/metrics.ts';
import { createRefusals } from '../observe/refusals.ts';
import { createSeenIssuers } from '../observe/seen-issuers.ts';
import type { MeshIr } from '../policy/ir.ts';
import { createConnectionCertificates } from '../registry/connection-certificates.ts';
import type { RegistryChange } from '../registry/registered-proxy.ts';
import { createTypesEverywhere } from '../registry/types-everywhere.ts';
import { createSnapshotCache } from '../xds/resources/cache.ts';
import { openAdminTls } from './admin-tls.ts';
import { firstMesh } from './first-mesh.ts';
import { followBundle } from './follow-bundle.ts';
import { createIdentityServices, type IdentityServicesDeps } from './identity.ts';
import { openAdmin } from './open-admin.ts';
import { openBans } from './open-bans.ts';
import { openCutOver } from './open-cut-over.ts';
import { openDocuments } from './open-documents.ts';
import { openHosts } from './open-hosts.ts';
import { openIsolation } from './open-isolation.ts';
import { openMaterial } from './open-material.ts';
import { openNamedTokens } from './open-named-tokens.ts';
import { openParent, storeForChanges } from './open-parent.ts';
import { openPublishing } from './open-publishing.ts';
import { openRecord } from './open-record.ts';
import { openRegistry } from './open-registry.ts';
import { openReplicas } from './open-replicas.ts';
import { openRoots } from './open-roots.ts';
import { openRotator } from './open-rotator.ts';
import { openTrail } from './open-trail.ts';
import { proveStates } from './prove-states.ts';
import { createProxyOrders } from './proxy-orders.ts';
import { receivers } from './receivers.ts';
import { recordIdentities } from './record-identities.ts';
import { recordRefused } from './record-refused.ts';
import { createReported } from './reported.ts';
import type { ServeOptions, ServeStarted } from './serve-options.ts';
import { finishSwap } from './state-copy.ts';
import { openXds } from './xds.ts';

export interface ServeDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Of the program. */
  readonly version: string;
  readonly lifecycle: Lifecycle;
  /** Aborted when the process is told to stop. */
  readonly signal: AbortSignal;
  /** Of tests. */
  readonly openCa?: IdentityServicesDeps['openCa'];
  readonly isolatedAfterMs?: number;
}

/** Resolves once every port is open. Before there is a Mesh document, that is only the admin API. */
export async function serve(
  options: ServeOptions,
  deps: ServeDeps,
  started: (info: ServeStarted) => void,
): Promise<void> {
  const { clock, log, version, lifecycle, signal } = deps;
  const publish = await openPublishers(options.publish ?? []);
  const attestors = options.attestors === undefined ? {} : readAttestorOptions(options.attestors);
  ensureDataFolder(options.data, (message) => log.warn({}, message));
  // Two in one folder would break the audit log's chain, and use each other's CA.
  const hint = 'stop that one, or give this one a --data of its own';
  const lock = lockFolder({ folder: options.data, name: 'serve', hint });
  lifecycle.defer('data folder', async () => lock.release());
  finishSwap(options.data);
  const metrics = createMetrics();
  const countdowns = createCountdowns();
  const documents = await openDocuments(options, { metrics, version, clock, log, lifecycle });
  const { judge, editGate, limits, review, store, alsoChangedBy, traces } = documents;
  const shared = alsoChangedBy === 'replicas';
  const replicas = openReplicas({ store, shared, options, version, clock, log, lifecycle });
  const isolation = openIsolation({ replicas, metrics, clock, log, lifecycle, afterMs: deps.isolatedAfterMs });
  const { traffic, coverage, crossCheck, handshakes, signals, refresh } = await openRecord({
    ...{ store, metrics, clock, lifecycle, replicas },
    log: log.child({ room: 'observe' }),
  });
  const follower = await openParent(options, { clock, log, lifecycle });
  const trail = { store, shared, metrics, clock, lifecycle, log: log.child({ room: 'audit' }) };
  const audit = await openTrail({ data: options.data, sinks: options.auditSinks, ...trail });
  metrics.watchStore(store);
  if (shared) recordRefused({ store, audit, clock, log });
  review.attach({ traffic, beyond: limits(store).beyond });
  const refusals = createRefusals({ clock });
  const way = createRightOfWay(clock);
  const admin = await openAdmin(options, {
    refusals,
    countdowns: countdowns.list,
    store: await storeForChanges({ store, alsoChangedBy, audit, follower, log }),
    audit,
    coverage,
    crossCheck,
    handshakes,
    ...{ signals, metrics, traces },
    traffic,
    clock,
    log,
    lifecycle,
    version,
    namedTokens: await openNamedTokens({ data: options.data, store, shared, clock, log: log.child({ room: 'admin' }) }),
    claim: way.claim,
    limits: limits(store),
    others: replicas,
    refresh,
    isolated: isolation.why,
  });
  const trustDomain = (await firstMesh(store, log, signal)).trustDomain;
  admin.starting();
  judge.fix(trustDomain);
  const cache = createSnapshotCache();
  // What parts tell each other of that are made later; `listen` is called once both are there.
  const registryChanged = createEvent<RegistryChange>();
  const renewed = createEvent<{ readonly node: string; readonly svid: Svid }>();
  const identitiesChanged = createEvent<ChangedIdentities>();
  const mesh = createWatched<MeshIr | undefined>(undefined);
  const watched = { clock, log: log.child({ room: 'registry' }), onChange: registryChanged.tell };
  const registry = openRegistry({ store, replicas, lifecycle, metrics, ...watched });
  const told = createReported(clock, log.child({ room: 'registry' }));
  const identity = await createIdentityServices({
    ...{ shared, data: options.data, ca: options.ca, attestors, openCa: deps.openCa ?? follower?.openCa },
    ...{ bootstrapSecret: options.bootstrapSecret, oidc: options.oidc, countdowns },
    ...{ audit, version, metrics, follows: follower },
    trustDomain,
    mesh: mesh.value,
    store,
    way,
    clock,
    log: createSummedLog(log.child({ room: 'identity' }), clock),
    lifecycle,
    backdate: () => backdateFor(told.offsets.behind()),
    receive: receivers({ registry, crossCheck, ...told, others: replicas, isolation, monotonic: clock.monotonic }),
  });
  recordIdentities({ identity, audit, ...trail });
  const publishers = openPublishing({
    ...{ publish, store, shared, bundle: identity.bundle, also: identity.jwt.published, metrics, clock, lifecycle },
    log: log.child({ room: 'publisher' }),
  });
  const rotator = openRotator({
    ...{ data: options.data, identity, clock, log, lifecycle },
    onChange: (node, svid) => renewed.tell({ node, svid }),
  });
  const material = await openMaterial({
    ...{ options, trustDomain, identity, metrics, store, mesh, clock, lifecycle },
    log: log.child({ room: 'identity' }),
  });
  const control = createControl({
    ...{ store, rotator, cache, registry, clock, metrics, traces, bundles: material.bundles },
    log: log.child({ room: 'control' }),
    ...{ cuts: store.table('cuts'), shown: told.shown.of, issuerKeys: material.issuerKeys.of },
    onMesh: mesh.set,
    onIdentities: identitiesChanged.tell,
    onPublished: followPorts(coverage, registry.proxies),
  });
  lifecycle.defer('control', () => control.stop());
  material.listen(control);
  renewed.listen(({ node, svid }) => control.onSvid(node, svid));
  registryChanged.listen((change) => {
    control.onRegistryChange(change);
    if (registry.get(change.node) !== undefined) return;
    coverage.gone(change.node);
    told.forget(change.node);
  });
  const following = followBundle({ identity, rotator, trustDomain, clock, onBundle: control.onBundle });
  lifecycle.defer('trust bundle', following.close);
  await registry.restore();
  control.ban(identity.bans.forProxies());
  coverage.settle((node) => registry.get(node) !== undefined);
  await control.start();
  const everywhere = createTypesEverywhere(replicas, control.proxies);
  const proving = proveStates({ store, proxies: everywhere, clock, log, soakSeconds: options.soakSeconds });
  lifecycle.defer('last good states', async () => proving.stop());
  const connections = createConnectionCertificates();
  const names = createProbeNames(clock);
  const issuers = createSeenIssuers({ clock });
  const xds = await openXds({
    ...{ address: options.xds, transport: options.xdsTransport, trustDomain, identity },
    ...{ cache, control, registry, connections, mesh },
    ...{ traffic, coverage, crossCheck, handshakes, signals, issuers, refusals, audit, metrics, way, clock },
    ...{ log, lifecycle },
    ...{ probes: names, onRejected: proving.rejected, takesStreams: isolation.check },
  });
  const roots = openRoots({
    ...{ identity, registry, others: replicas, audit, metrics, countdowns, clock, lifecycle },
    ...{ issuers, renew: following.renew, foreign: material.federation.roots, parent: follower?.roots },
    ...{ mesh: control.mesh, shown: told.shown.of, caInStore: options.bootstrapSecret !== undefined },
    ...{ streams: xds.inspect, publishers: publishers.status, log: log.child({ room: 'identity' }) },
    bundleEndpoint: options.bundleEndpoint !== undefined,
  });
  const hosts = openHosts({
    ...{ identity, registry, control, store, disconnect: xds.disconnect, identitiesChanged, audit, clock, lifecycle },
    log: log.child({ room: 'identity' }),
  });
  const bans = openBans({ identity, control, registry, xds, others: replicas, trustDomain, clock, lifecycle });
  const identityAddress = await listening(
    { what: 'the identity API', flag: '--identity-listen', address: options.identity },
    () => identity.api.listen(options.identity),
  );
  const adminTls =
    options.adminTls === undefined
      ? undefined
      : await openAdminTls({
          ...{ options: options.adminTls, api: admin.api, identity, trustDomain, countdowns, clock, lifecycle },
          log: log.child({ room: 'admin' }),
        });
  isolation.begin(identity);
  const { endpoints, applications, cutOver } = openCutOver({
    ...{ control, registry, everywhere, bundle: identity.bundle, names },
    ...{ traffic, coverage, handshakes, refresh, clock, lifecycle },
    log: log.child({ room: 'cutover' }),
  });
  admin.attach({
    ...{ control, everywhere, identity, cutOver, endpoints, hosts, bans, roots },
    ...createProxyOrders({ registry, control, rotator, api: identity.api }),
    publishers: publishers.all,
    ...defined({ parent: follower?.status, followers: identity.followers }),
    issuerKeys: material.issuerKeys,
    federation: material.federation,
    missingCredentials: () => material.missingCredentials(control.mesh()),
    away: () => awayStatus(registry.away(), control.mesh()),
    also: (proxy) => applications.seen(told.also(proxy)),
    certificates: () => listCertificates({ identity, control, connections, trustDomain }),
  });
  editGate.attach(cutOver, async (services, reasons) => {
    await audit.append({ kind: 'cut-over-warned', author: 'outside', services, reasons });
  });
  started({
    xds: { host: options.xds.host, port: xds.port },
    identity: identityAddress,
    admin: admin.address,
    ...defined({ adminTls, oidc: identity.jwt.listens, bundles: material.federation.listens }),
    trustDomain,
    ...(control.revision() === undefined ? {} : { revision: control.revision() ?? 0 }),
    services: control.mesh()?.services.size ?? 0,
    adminTokenFile: adminTokenFile(options.data),
  });
}
