// The listener in front of the application, which enforces everything. A chain for each caller with a sidecar, one for all others;
// permissive: one for plaintext on the same port, with the same filters in all. Strict with a health path: plaintext only for that path.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type MetadataSchema, TrafficDirection } from '#gen/envoy/config/core/v3/base_pb.js';
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
  FilterSchema,
  type ListenerFilter,
  ListenerFilterSchema,
} from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import { type Listener, ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { TlsInspectorSchema } from '#gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { HttpFilterSchema } from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { IpPort } from '../../lib/host-port.ts';
import { inboundLogName } from '../../lib/log-names.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { MeshIr, PortIr } from '../../policy/ir.ts';
import { placeOf } from '../filters/discovered.ts';
import type { FilteredChain } from '../filters/inbound-filter.ts';
import { filtersInChain } from '../filters/inbound-filters.ts';
import { healthRouteName, inboundName } from '../names.ts';
import type { TranslationInputs } from '../proxy.ts';
import { downstreamTls } from '../tls/downstream-tls.ts';
import { address } from '../wire/address.ts';
import { any } from '../wire/any.ts';
import { constant } from '../wire/constant.ts';
import { duration } from '../wire/duration.ts';
import { foundHttp, httpInspector } from '../wire/http-inspector.ts';
import { turnBytes } from '../wire/http-limits.ts';
import { keepalive, unacknowledged } from '../wire/keepalive.ts';
import { connectionAccessLog } from './access-logs.ts';
import { type CallerChain, callerChains, cutOf } from './caller-chains.ts';
import { healthFilters } from './health-filters.ts';
import { inboundManager } from './inbound-manager.ts';
import { inboundTcp } from './inbound-tcp.ts';
import { oneIdentity } from './one-identity.ts';

/** On TCP the server may speak first: then no client hello comes, and after this time it counts as plaintext. */
const tcpInspectorMs = 300;
/** Envoy has no default: whoever begins a handshake and sends no more would occupy a connection for ever. */
const handshakeMs = 10_000;

/** `secrets`: who keeps the certificate of the proxy. */
export function inboundListener(
  service: PortIr,
  { mesh, bundles }: Pick<TranslationInputs, 'mesh' | 'bundles'>,
  at: IpPort,
  secrets?: 'local',
): Listener {
  const filters = filtersOnce(service, (kind) =>
    filtersInChain(service, kind).map((filter) => placeOf(filter, service, mesh, bundles)),
  );
  const tlsFor = downstreamTls(service, mesh.trustDomain, secrets);
  const plain = plainChains(service, mesh, filters);
  const shared = mtlsChain(service, mesh, plain.length === 0 ? {} : tls, { filters, tlsFor });
  return create(ListenerSchema, {
    name: inboundName(service),
    address: address(at.address, at.port),
    enableReusePort: false,
    tcpKeepalive: keepalive,
    socketOptions: [unacknowledged()],
    trafficDirection: TrafficDirection.INBOUND,
    ...(service.protocol === 'tcp' ? {} : { perConnectionBufferLimitBytes: turnBytes }),
    filterChains: [
      ...callerChains(service, mesh).map((chain) => callerChain(chain, { filters, tlsFor })),
      shared,
      ...plain,
    ],
    accessLog: [connectionAccessLog(inboundLogName(service.id, 'listener'))],
    // Present even if not needed yet: a listener that gains one drains everybody's connections. HTTP's first: after another one, Envoy's
    // does not read a line over 16 KiB to its end.
    listenerFilters: [...(service.protocol === 'tcp' ? [] : [httpInspector()]), tlsInspector()],
    ...(plain.length > 0 && service.protocol === 'tcp'
      ? { listenerFiltersTimeout: duration(tcpInspectorMs), continueOnListenerFiltersTimeout: true }
      : {}),
  });
}

const tls = { filterChainMatch: { transportProtocol: 'tls' } } as const;
const rawBuffer = { filterChainMatch: { transportProtocol: 'raw_buffer' } } as const;
const rawHttp = { filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: foundHttp } };

type Filters = (kind: ChainKind) => Filter[];

/** Most chains of a listener have the same filters, but for the name of their only caller. */
function filtersOnce(service: PortIr, places: (kind: FilteredChain) => readonly Place[]): Filters {
  const made = new Map<string, (only?: SpiffeId) => Filter[]>();
  return ({ kind, admission, trusted, callers = [], odd = false }) => {
    const key = [kind, admission, trusted, odd].join(' ');
    const there = made.get(key) ?? applicationFilters(service, places(kind), { kind, admission, trusted, odd });
    made.set(key, there);
    return there(...(callers.length === 1 ? callers : []));
  };
}

interface Shared {
  readonly filters: Filters;
  readonly tlsFor: ReturnType<typeof downstreamTls>;
}

function callerChain(chain: CallerChain, { filters, tlsFor }: Shared): FilterChain {
  return create(FilterChainSchema, {
    name: chain.name,
    filterChainMatch: { transportProtocol: 'tls', serverNames: [...chain.serverNames] },
    transportSocket: tlsFor(chain.callers),
    transportSocketConnectTimeout: duration(handshakeMs),
    filters: filters({ kind: 'caller', ...chain }),
    ...cut(chain.cut),
  });
}

function mtlsChain(
  service: PortIr,
  mesh: MeshIr,
  match: typeof tls | object,
  { filters, tlsFor }: Shared,
): FilterChain {
  return create(FilterChainSchema, {
    name: 'mtls',
    ...match,
    transportSocket: tlsFor(),
    transportSocketConnectTimeout: duration(handshakeMs),
    filters: filters({ kind: 'mtls', admission: 'depends', trusted: false }),
    ...cut(cutOf('mtls', service, mesh)),
  });
}

/** Has no effect: only its change matters. */
function cut(value: string): { metadata?: MessageInitShape<typeof MetadataSchema> } {
  return value === '' ? {} : { metadata: { filterMetadata: { cellwall: { cut: value } } } };
}

/**
 * Permissive: connections that do not begin like HTTP are accepted as well, in their own chain. Odd requests do that (an empty line first,
 * a non-ASCII path), and are answered as usual; other protocols are not kept waiting there. Strict: probes do not do that.
 */
function plainChains(service: PortIr, mesh: MeshIr, filters: Filters): readonly FilterChain[] {
  if (service.mtls.mode === 'strict') return healthChain(service);
  if (service.protocol === 'tcp') return [plainChain(service, mesh, rawBuffer, filters, false)];
  return [plainChain(service, mesh, rawHttp, filters, false), plainChain(service, mesh, rawBuffer, filters, true)];
}

function plainChain(
  service: PortIr,
  mesh: MeshIr,
  match: typeof rawHttp | typeof rawBuffer,
  filters: Filters,
  odd: boolean,
): FilterChain {
  const trusted = service.identityHeaders.trusted.anonymous;
  return create(FilterChainSchema, {
    name: odd ? 'plain:odd' : 'plain',
    ...match,
    filters: filters({ kind: 'plain', admission: 'depends', trusted, odd }),
    ...cut(cutOf('plain', service, mesh)),
  });
}

function healthChain(service: PortIr): readonly FilterChain[] {
  if (service.protocol === 'tcp' || service.healthPath === undefined) return [];
  const manager = inboundManager(service, {
    chain: 'health',
    routeName: healthRouteName(service),
    filters: healthFilters(),
    declared: false,
    trusted: false,
    odd: false,
  });
  return [create(FilterChainSchema, { name: 'health', ...rawHttp, filters: [manager()] })];
}

interface ChainKind extends Pick<CallerChain, 'admission' | 'trusted'>, Partial<Pick<CallerChain, 'callers'>> {
  readonly kind: FilteredChain;
  /** It did not begin like HTTP. */
  readonly odd?: boolean;
}

type Place = ReturnType<typeof placeOf>;

function applicationFilters(
  service: PortIr,
  places: readonly Place[],
  { kind, admission, trusted, odd = false }: ChainKind,
): (only?: SpiffeId) => Filter[] {
  const chain = kind === 'caller' ? 'mtls' : kind;
  if (service.protocol === 'tcp') {
    const guard = kind === 'mtls' && service.federated !== undefined ? [oneIdentity()] : [];
    const decided = places.map((place) => create(FilterSchema, place));
    const filters = [...guard, ...decided, inboundTcp(service, chain, admission)];
    return () => filters;
  }
  const filters = places.map((place) => create(HttpFilterSchema, place));
  const manager = inboundManager(service, {
    ...{ chain, routeName: inboundName(service), filters },
    ...{ declared: kind === 'caller', trusted, odd },
  });
  return (only) => [manager(only)];
}

/** Distinguishes TLS from plaintext by the first bytes, where one port accepts both. */
const tlsInspector = constant(
  (): ListenerFilter =>
    create(ListenerFilterSchema, {
      name: 'envoy.filters.listener.tls_inspector',
      configType: { case: 'typedConfig', value: any(TlsInspectorSchema, {}) },
    }),
);
