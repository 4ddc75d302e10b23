// The port for proxies: who may connect, what they are served, and where their reports (streams, access logs) go.
import type { AuditLog } from '../audit/audit-log.ts';
import type { Control } from '../control/control.ts';
import type { ProbeNames } from '../cutover/probe-names.ts';
import { createNodeAuthenticator } from '../identity/authenticate-node.ts';
import { createOperatorCheck } from '../identity/operator.ts';
import { bundlePem } from '../identity/trust-bundle.ts';
import { sha256 } from '../identity/x509/fingerprint.ts';
import { nodeKeyOf } from '../identity/x509/node-key-extension.ts';
import { serialAndDatesOf } from '../identity/x509/serial-and-dates.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import { listening } from '../lib/listening.ts';
import type { Log } from '../lib/log.ts';
import type { NodeId } from '../lib/node-id.ts';
import type { RightOfWay } from '../lib/right-of-way.ts';
import { createSummedLog } from '../lib/summed-log.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { SpiffeId, TrustDomain } from '../model/spiffe-id.ts';
import { createAccessLogService } from '../observe/access-log-service.ts';
import { createBreakGlassWatch } from '../observe/break-glass.ts';
import type { Coverage } from '../observe/coverage.ts';
import { createCoveredStreams } from '../observe/covered-streams.ts';
import type { CrossCheck } from '../observe/cross-check.ts';
import type { Handshakes } from '../observe/handshakes.ts';
import { createIntake } from '../observe/intake.ts';
import { createLossyIntake } from '../observe/lossy-intake.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Refusals } from '../observe/refusals.ts';
import type { SeenIssuers } from '../observe/seen-issuers.ts';
import type { Traffic } from '../observe/traffic.ts';
import type { MeshIr } from '../policy/ir.ts';
import { portOf } from '../policy/ports.ts';
import { createPathRecorder } from '../policy/replay/recorded-path.ts';
import { parseClaims, reachable } from '../registry/claims.ts';
import type { ConnectionCertificates } from '../registry/connection-certificates.ts';
import type { Registry } from '../registry/registry.ts';
import type { RecordedSignals } from '../signals/recorded-signals.ts';
import { createCsdsService } from '../xds/csds/csds-service.ts';
import type { SnapshotCache } from '../xds/resources/cache.ts';
import type { TlsMaterial } from '../xds/server/entrance.ts';
import { listenXds } from '../xds/server/listen.ts';
import type { StreamEvent } from '../xds/server/observer.ts';
import { createXdsServer, type XdsServer } from '../xds/server/server.ts';
import type { IdentityServices } from './identity.ts';
import { recordGranted } from './record-granted.ts';
import type { ServeOptions } from './serve-options.ts';

export interface XdsParts {
  readonly address: ServeOptions['xds'];
  readonly transport: ServeOptions['xdsTransport'];
  readonly trustDomain: TrustDomain;
  readonly cache: SnapshotCache;
  readonly control: Control;
  /** Without its cuts, told once it is in force. */
  readonly mesh: Pick<Watchable<MeshIr | undefined>, 'watch'>;
  readonly registry: Registry;
  readonly identity: IdentityServices;
  readonly connections: ConnectionCertificates;
  readonly traffic: Traffic;
  readonly coverage: Coverage;
  readonly crossCheck: CrossCheck;
  readonly handshakes: Handshakes;
  readonly signals: Pick<RecordedSignals, 'record'>;
  readonly issuers: SeenIssuers;
  readonly refusals: Refusals;
  readonly audit: AuditLog;
  readonly metrics: Metrics;
  readonly way: RightOfWay;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
  /** The control plane's own. */
  readonly probes: ProbeNames;
  /** A proxy rejected something. */
  readonly onRejected: () => void;
  /** Throws while no new streams of proxies are taken. */
  readonly takesStreams: () => void;
}

export interface OpenXds {
  readonly port: number;
  /** The streams as they stand. */
  readonly inspect: XdsServer['inspect'];
  /** Closes the streams of a proxy. */
  disconnect(node: string, reason: CellwallError): void;
}

/** Each of its certificates counts for its host; if it names none, for itself. */
function hostOfCertificate(certificate: Uint8Array): string {
  return nodeKeyOf(certificate) ?? sha256(certificate).toString('hex');
}

/** Once it is open. */
export async function openXds(parts: XdsParts): Promise<OpenXds> {
  const { address, transport, trustDomain, cache, control, registry, identity, connections } = parts;
  const { traffic, coverage, crossCheck, handshakes, issuers, refusals, audit, metrics, way, clock, log, lifecycle } =
    parts;
  const { probes } = parts;
  metrics.watchProxies(control.proxies, clock.now);
  const covered = createCoveredStreams(coverage, (node) => {
    const spiffeId = registry.get(node)?.spiffeId;
    return spiffeId === undefined ? undefined : control.mesh()?.serviceOf.get(spiffeId);
  });
  lifecycle.defer('streams without a service', parts.mesh.watch(covered.lookAgain));
  const cover = (event: StreamEvent): void => {
    const { kind, node } = event;
    if (kind === 'disconnected') {
      covered.disconnected(event.stream, node);
      connections.disconnected(event.stream);
    }
    if (kind !== 'connected') return;
    const { certificate } = event.peer;
    if (certificate !== undefined) connections.connected(event.stream, node, serialAndDatesOf(certificate).serial);
    covered.connected(event.stream, node);
  };
  const authenticateNode = createNodeAuthenticator({ trustDomain, clock });
  const checkHost = (certificate: Uint8Array | undefined, nodeKey: string | undefined, spiffeId: SpiffeId): void => {
    identity.bans.check({ spiffeId, nodeKey });
    if (nodeKey !== undefined) identity.nodes.check(nodeKey);
    if (certificate !== undefined) identity.followerIssuers.refuseLeaf(certificate);
  };
  const xds = createXdsServer({
    cache,
    authenticate({ certificate, address: peer }, { id, metadata }) {
      parts.takesStreams();
      const { node, spiffeId, nodeKey } = authenticateNode({
        nodeId: id,
        ...defined({ certificate }),
      });
      checkHost(certificate, nodeKey, spiffeId);
      // Malformed claims refuse the stream with what is wrong, rather than hold it.
      const { inbound, application, ports, run } = parseClaims(metadata);
      registry.admit({
        ...{ node, spiffeId, peer },
        ...defined({ holder: nodeKey }),
        ...(inbound === undefined ? {} : { inbound: reachable(inbound, peer) }),
        ...defined({ application, ports, run }),
      });
      return node;
    },
    observe: (event) => {
      control.onStream(event);
      if (event.kind === 'nacked') parts.onRejected();
      cover(event);
      metrics.setStreams(xds.streams());
    },
    log: createSummedLog(log.child({ room: 'xds' }), clock),
    clock,
  });
  const keepPath = createPathRecorder();
  const accessLog = createAccessLogService({
    traffic,
    refusals,
    intake: createIntake(clock, undefined, way),
    lossyIntake: createLossyIntake(clock, undefined, way),
    onUnreadable: metrics.unreadable,
    breakGlass: createBreakGlassWatch({
      clock,
      names: (principal) => control.mesh()?.breakGlass.some((id) => id === principal) ?? false,
      report(use) {
        log.warn({ ...use }, 'a break-glass identity was allowed');
        audit.append({ kind: 'break-glass-used', ...use }).catch((reason: unknown) => {
          log.error({ ...use, reason: CellwallError.from(reason).message }, 'not in the audit log');
        });
      },
    }),
    grantedTokens: recordGranted({ mesh: control.mesh, audit, clock, log }),
    ...{ crossCheck, issuers, handshakes, signals: parts.signals, probes },
    onBroken: coverage.broken,
    keepPath: (id, path) => {
      const mesh = control.mesh();
      const port = mesh && portOf(mesh, id);
      return port === undefined ? undefined : keepPath(port, path);
    },
    log: log.child({ room: 'observe' }),
    trustDomain: () => trustDomain,
    federated: (id) => {
      const mesh = control.mesh();
      return (mesh?.trustBundles && portOf(mesh, id)?.federated) ?? [];
    },
    serviceOfPeer: (certificate, nodeId) => {
      const { node, spiffeId, nodeKey } = authenticateNode({
        nodeId,
        ...defined({ certificate }),
      });
      checkHost(certificate, nodeKey, spiffeId);
      registry.checkHolder(node, nodeKey);
      return control.mesh()?.serviceOf.get(spiffeId);
    },
  });
  const material = (): TlsMaterial => {
    const { chain, key } = identity.server.current();
    if (key === undefined) throw new CellwallError('internal', 'the server certificate has no key');
    return { certificate: chain, key, roots: bundlePem(identity.bundle.value()) };
  };
  const isOperator = createOperatorCheck({ trustDomain, clock });
  const checkOperator = (certificate: Uint8Array | undefined): void => {
    const spiffeId = isOperator(certificate);
    checkHost(certificate, certificate === undefined ? undefined : nodeKeyOf(certificate), spiffeId);
  };
  const open = () =>
    listenXds({
      server: xds,
      address: formatHostPort(address),
      tls: material(),
      services: [accessLog, createCsdsService({ server: xds, authorize: checkOperator })],
      hostOf: hostOfCertificate,
      ...(transport === undefined ? {} : { transport }),
      log: createSummedLog(log.child({ room: 'xds' }), clock),
      way,
    });
  const listener = await listening({ what: 'xDS', flag: '--xds-listen', address }, open);
  lifecycle.defer('xDS', () => listener.close(1000));
  const rotate = (): void => {
    try {
      listener.rotate(material());
    } catch (reason) {
      log.error({ reason: String(reason) }, 'the xDS port keeps its old certificate and roots');
    }
  };
  const unwatch = [identity.server.watch(rotate), identity.bundle.watch(rotate)];
  lifecycle.defer('xDS certificate', () => {
    for (const end of unwatch) end();
  });
  // The registry's node is the verified one that the stream was authenticated as.
  const disconnect: OpenXds['disconnect'] = (node, reason) => void xds.disconnect(node as NodeId, reason);
  return { port: listener.port, inspect: xds.inspect, disconnect };
}
