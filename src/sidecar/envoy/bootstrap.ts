// The bootstrap of a sidecar's Envoy, pure: ADS, or the single-type services, over mTLS, whose certificate comes from watched files. Never
// from SDS over the ADS stream that it authenticates: that configuration crashed Envoy 1.40.

import { formatHostPort, type HostPort } from '../../lib/host-port.ts';
import { localSecret } from '../../lib/local-secret.ts';
import { nodeId } from '../../lib/node-id.ts';
import { defaultPort } from '../../lib/port-name.ts';
import type { Json } from '../../lib/table.ts';
import { formatApplication } from '../application-address.ts';
import type { ProxyPort } from '../proxy-ports.ts';
import { runtime } from './runtime.ts';
import type { XdsVariant } from './xds-variant.ts';

export type AdminAddress =
  | { readonly kind: 'unix'; readonly path: string }
  /** Loopback only. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export interface BootstrapParams {
  readonly spiffeId: string;
  readonly instance: string;
  /** `node.cluster`: a name for logs and statistics. */
  readonly service: string;
  readonly ports: readonly ProxyPort[];
  /** The host also has the IPv6 loopback address. */
  readonly loopback6?: boolean;
  /** The xDS servers of the control planes, in the order in which Envoy tries them. Never empty. */
  readonly xds: readonly HostPort[];
  /** Derived from the limit on open files. Default 50,000. */
  readonly maxConnections?: number;
  readonly variant: XdsVariant;
  /** The helper keeps the key that Envoy shows its peers: Envoy runs in the folder of `secrets`, and says that it can. */
  readonly keys?: 'local';
  /** The control plane's exact SPIFFE ID. */
  readonly serverId: string;
  readonly admin: AdminAddress;
  /** Files with the SDS secrets of the xDS connection (sidecar/xds-secrets.ts). */
  readonly secrets: { readonly certificate: string; readonly bundle: string };
}

const typePrefix = 'type.googleapis.com/envoy';
const xdsCluster = 'cellwall';
/** The cluster of the application, as translate names it. */
function inboundName({ name }: ProxyPort): string {
  return name === defaultPort ? 'inbound' : `inbound/${name}`;
}

/** JSON with protobuf's field names. Contains no secret, only the names of files that do. */
export function bootstrap(params: BootstrapParams): Json {
  const { spiffeId, instance, service, variant, admin } = params;
  return {
    node: { id: nodeId(spiffeId, instance), cluster: service, metadata: { cellwall: claimsOf(params) } },
    dynamic_resources: discovery(variant),
    static_resources: { clusters: [xds(params)] },
    admin: { address: adminAddress(admin) },
    overload_manager: {
      resource_monitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typed_config: {
            '@type': `${typePrefix}.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig`,
            max_active_downstream_connections: String(params.maxConnections ?? 50_000),
          },
        },
      ],
    },
    layered_runtime: { layers: [...runtime.layers, ...bounds(params)] },
    stats_flush_interval: '60s',
  };
}

function bounds({ maxConnections, ports }: BootstrapParams): readonly Json[] {
  if (maxConnections === undefined) return [];
  const clusters = ports.length === 0 ? [inboundName({ name: defaultPort })] : ports.map(inboundName);
  const limits = clusters.map((name) => [`circuit_breakers.${name}.default.max_connections`, maxConnections]);
  return [{ name: 'descriptors', static_layer: Object.fromEntries(limits) }];
}

/** What a proxy says about itself, in its node's metadata. */
export function claimsOf({
  ports,
  loopback6,
  variant,
  keys,
}: Pick<BootstrapParams, 'ports' | 'loopback6' | 'variant' | 'keys'>): Readonly<Record<string, Json>> {
  const places = new Map(ports.map((port) => [port.name, placeOf(port)]));
  const { [defaultPort]: own, ...named } = Object.fromEntries(places);
  return {
    ...own,
    ...(Object.keys(named).length === 0 ? {} : { ports: named }),
    ...(loopback6 === true ? { loopback6: 'yes' } : {}),
    ...(keys === undefined ? {} : { secrets: keys }),
    ...(variant.startsWith('single-') ? { singleServices: variant.slice('single-'.length) } : {}),
  };
}

function placeOf({ inbound, application }: ProxyPort): Readonly<Record<string, string>> {
  return {
    ...(inbound === undefined ? {} : { inbound: formatHostPort(inbound) }),
    ...(application === undefined ? {} : { application: formatApplication(application) }),
  };
}

function discovery(variant: XdsVariant): Json {
  const api = {
    api_type: variant.endsWith('delta') ? 'DELTA_GRPC' : 'GRPC',
    transport_api_version: 'V3',
    set_node_on_first_message_only: true,
    grpc_services: [
      {
        envoy_grpc: {
          cluster_name: xdsCluster,
          // A restarted control plane is found within a second.
          retry_policy: { retry_back_off: { base_interval: '0.1s', max_interval: '1s' } },
        },
      },
    ],
  };
  // Nothing waits for ever at the start: after this time the rest of the configuration proceeds.
  const common = { resource_api_version: 'V3', initial_fetch_timeout: '5s' };
  if (variant.startsWith('single-')) {
    // Listeners and clusters must say how to request what they refer to: the control plane learns the variant from the metadata.
    const source = { ...common, api_config_source: api };
    return { lds_config: source, cds_config: source };
  }
  const source = { ...common, ads: {} };
  return { ads_config: api, lds_config: source, cds_config: source };
}

function xds({ xds: servers, serverId, secrets, keys }: BootstrapParams): Json {
  // The same words as in what the control plane sends: Envoy reads and watches the file once for both.
  const certificate = keys === 'local' ? localSecret.path : secrets.certificate;
  const several = servers.length > 1;
  return {
    name: xdsCluster,
    ...(servers.every(({ host }) => isIp(host)) ? { type: 'STATIC' } : byName),
    ...(several ? { outlier_detection: failover } : {}),
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: xdsCluster,
      endpoints: servers.map(({ host, port }, index) => ({
        ...(several ? { priority: index } : {}),
        lb_endpoints: [{ endpoint: { address: socket(host, port) } }],
      })),
    },
    upstream_connection_options: { tcp_keepalive: { keepalive_probes: 3, keepalive_time: 10, keepalive_interval: 5 } },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${typePrefix}.extensions.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: several ? keepalive.ofSeveral : keepalive.ofOne },
        },
      },
    },
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': `${typePrefix}.extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
        max_session_keys: 0,
        common_tls_context: {
          alpn_protocols: ['h2'],
          // A client's maximum is TLS 1.2 by default.
          tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
          tls_certificate_sds_secret_configs: [{ name: xdsSecretNames.certificate, sds_config: file(certificate) }],
          combined_validation_context: {
            default_validation_context: {
              match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: serverId } }],
            },
            validation_context_sds_secret_config: { name: xdsSecretNames.bundle, sds_config: file(secrets.bundle) },
          },
        },
      },
    },
  };
}

/** A half-open connection, or a control plane that hangs, is noticed within 15 s; if there is another one, within 4 s. */
const keepalive = {
  ofOne: { interval: '10s', timeout: '5s' },
  ofSeveral: { interval: '1s', timeout: '3s' },
} as const;

/** All addresses of the name, of both families; one that does not answer is skipped for a while, unless it is the last. */
const byName: { readonly [key: string]: Json } = {
  type: 'STRICT_DNS',
  dns_lookup_family: 'ALL',
  outlier_detection: {
    split_external_local_origin_errors: true,
    consecutive_local_origin_failure: 1,
    enforcing_consecutive_local_origin_failure: 100,
    enforcing_consecutive_5xx: 0,
    enforcing_local_origin_success_rate: 0,
    interval: '1s',
    base_ejection_time: '5s',
    max_ejection_time: '30s',
    max_ejection_percent: 50,
  },
};

/**
 * One that does not answer, or ends a stream as unavailable, is skipped for a while, unless all are: then any is tried. A stream that is
 * open stays where it is, whatever comes back.
 */
const failover: Json = {
  split_external_local_origin_errors: true,
  consecutive_local_origin_failure: 1,
  enforcing_consecutive_local_origin_failure: 100,
  consecutive_5xx: 1,
  enforcing_consecutive_5xx: 100,
  enforcing_consecutive_gateway_failure: 0,
  enforcing_success_rate: 0,
  enforcing_local_origin_success_rate: 0,
  interval: '1s',
  base_ejection_time: '5s',
  max_ejection_time: '30s',
  max_ejection_percent: 100,
};

/** SDS names of the xDS connection's own secrets; distinct from those that arrive over ADS. */
export const xdsSecretNames = { certificate: localSecret.name, bundle: 'xds-bundle' } as const;

function file(path: string): Json {
  return { path_config_source: { path }, resource_api_version: 'V3' };
}

function socket(address: string, port: number): Json {
  return { socket_address: { address, port_value: port } };
}

function adminAddress(admin: AdminAddress): Json {
  // Accessible only to its owner.
  return admin.kind === 'unix' ? { pipe: { path: admin.path, mode: 0o600 } } : socket(admin.host, admin.port);
}

function isIp(host: string): boolean {
  return /^[0-9.]+$/.test(host) || host.includes(':');
}
