// The wall itself: the listener before the application. Strict: one chain, mTLS. Permissive: TLS and plaintext on one port, the
// same filters before both. Strict with a health path: plaintext again, for that path alone.
import { create } from '@bufbuild/protobuf';
import { TrafficDirection } from '#gen/envoy/config/core/v3/base_pb.js';
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
  FilterSchema,
} from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import { type Listener, ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { HttpFilterSchema } from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { TrustDomain } from '../../model/spiffe-id.ts';
import type { ServiceIr } from '../../policy/ir.ts';
import { inboundFilters } from '../filters/catalog.ts';
import { extensionSource } from '../filters/extension.ts';
import { extensionName, healthRouteName, inboundName, logName } from '../names.ts';
import { downstreamTls } from '../tls/downstream-tls.ts';
import { address } from '../wire/address.ts';
import { duration } from '../wire/duration.ts';
import { tlsInspector } from '../wire/tls-inspector.ts';
import { connectionAccessLog } from './access-logs.ts';
import { inboundManager } from './inbound-manager.ts';
import { inboundTcp } from './inbound-tcp.ts';

/** On TCP the server may speak first: then no client hello comes, and after this it is plaintext. */
const tcpInspectorMs = 300;

export function inboundListener(
  service: ServiceIr,
  domain: TrustDomain,
  at: { readonly address: string; readonly port: number },
): Listener {
  const plain = plainChain(service);
  return create(ListenerSchema, {
    name: inboundName,
    address: address(at.address, at.port),
    enableReusePort: false,
    trafficDirection: TrafficDirection.INBOUND,
    filterChains: plain === undefined ? [mtlsChain(service, domain, {})] : [mtlsChain(service, domain, tls), plain],
    accessLog: [connectionAccessLog(logName(service.key, 'listener'))],
    ...(plain === undefined ? {} : { listenerFilters: [tlsInspector()] }),
    ...(plain !== undefined && service.protocol === 'tcp'
      ? { listenerFiltersTimeout: duration(tcpInspectorMs), continueOnListenerFiltersTimeout: true }
      : {}),
  });
}

const tls = { filterChainMatch: { transportProtocol: 'tls' } } as const;
const rawBuffer = { filterChainMatch: { transportProtocol: 'raw_buffer' } } as const;

function mtlsChain(service: ServiceIr, domain: TrustDomain, match: typeof tls | object): FilterChain {
  return create(FilterChainSchema, {
    name: 'mtls',
    ...match,
    transportSocket: downstreamTls(service, domain),
    filters: applicationFilters(service, 'mtls'),
  });
}

function plainChain(service: ServiceIr): FilterChain | undefined {
  if (service.mtls.mode === 'permissive') {
    return create(FilterChainSchema, { name: 'plain', ...rawBuffer, filters: applicationFilters(service, 'plain') });
  }
  if (service.protocol === 'tcp' || service.healthPath === undefined) return undefined;
  const manager = inboundManager(service, { chain: 'health', routeName: healthRouteName, filters: [] });
  return create(FilterChainSchema, { name: 'health', ...rawBuffer, filters: [manager] });
}

function applicationFilters(service: ServiceIr, chain: 'mtls' | 'plain'): Filter[] {
  const discovered = inboundFilters.map((filter) => ({
    name: extensionName(service, filter.name),
    configType: { case: 'configDiscovery', value: extensionSource(service, filter) } as const,
  }));
  if (service.protocol === 'tcp') {
    return [...discovered.map((filter) => create(FilterSchema, filter)), inboundTcp(service, chain)];
  }
  const filters = discovered.map((filter) => create(HttpFilterSchema, filter));
  return [inboundManager(service, { chain, routeName: inboundName, filters })];
}
