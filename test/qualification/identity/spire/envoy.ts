// An Envoy as it stands beside a workload of SPIRE: certificates and roots by the agent's SDS, nothing of this mesh but who is on
// the other side.

/** A plaintext port for the workload, and whom it calls there, as whom. */
export interface Outbound {
  readonly name: string;
  /** Its own SVID. */
  readonly as: string;
  /** Whom the server must prove to be. */
  readonly expect: string;
  readonly port: number;
}

export interface SpireEnvoyOptions {
  /** The agent's socket. */
  readonly socket: string;
  readonly outbound: readonly Outbound[];
  /** Its mTLS port: who it is, and who may call. */
  readonly inbound: { readonly as: string; readonly from: string; readonly application: number; readonly port: number };
}

const type = 'type.googleapis.com/envoy.extensions';

/** Listeners: one for each outbound by its name, and `inbound`. A connection for each request, so that each proves itself anew. */
export function spireEnvoy({ socket, outbound, inbound }: SpireEnvoyOptions): object {
  const sds = {
    resource_api_version: 'V3',
    api_config_source: {
      ...{ api_type: 'GRPC', transport_api_version: 'V3' },
      grpc_services: [{ envoy_grpc: { cluster_name: 'spire_agent' } }],
    },
  };
  const tls = (as: string, other: string): object => ({
    // Envoy's default for callers is TLS 1.2; here 1.3 is the least.
    tls_params: { tls_maximum_protocol_version: 'TLSv1_3' },
    tls_certificate_sds_secret_configs: [{ name: as, sds_config: sds }],
    combined_validation_context: {
      default_validation_context: {
        match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: other } }],
      },
      // The roots of that trust domain alone.
      validation_context_sds_secret_config: { name: /^spiffe:\/\/[^/]+/.exec(other)?.[0] ?? '', sds_config: sds },
    },
  });
  const clusterOf = ({ name, as, expect, port }: Outbound): object => ({
    ...cluster(name, port),
    typed_extension_protocol_options: protocol({ http_protocol_options: {} }, { max_requests_per_connection: 1 }),
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': `${type}.transport_sockets.tls.v3.UpstreamTlsContext`,
        max_session_keys: 0,
        common_tls_context: tls(as, expect),
      },
    },
  });
  const agent = {
    ...{ name: 'spire_agent', type: 'STATIC', connect_timeout: '2s' },
    typed_extension_protocol_options: protocol({ http2_protocol_options: {} }),
    load_assignment: loadAssignment('spire_agent', { pipe: { path: socket } }),
  };
  const inboundTls = {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${type}.transport_sockets.tls.v3.DownstreamTlsContext`,
      require_client_certificate: true,
      common_tls_context: tls(inbound.as, inbound.from),
    },
  };
  return {
    node: { id: 'partner', cluster: 'partner' },
    static_resources: {
      listeners: [
        ...outbound.map(({ name }) => listener(name, name, 0)),
        listener('inbound', 'application', inbound.port, { transport_socket: inboundTls }),
      ],
      clusters: [agent, cluster('application', inbound.application), ...outbound.map(clusterOf)],
    },
  };
}

function protocol(explicit: object, common?: object): object {
  return {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${type}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: explicit,
      ...(common === undefined ? {} : { common_http_protocol_options: common }),
    },
  };
}

function cluster(name: string, port: number): object {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return { name, type: 'STATIC', connect_timeout: '2s', load_assignment: loadAssignment(name, address) };
}

function loadAssignment(name: string, address: object): object {
  return { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] };
}

function listener(name: string, to: string, port: number, more: object = {}): object {
  const manager = {
    '@type': `${type}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    common_http_protocol_options: { max_requests_per_connection: 1 },
    route_config: {
      virtual_hosts: [{ name, domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: to } }] }],
    },
    http_filters: [
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${type}.filters.http.router.v3.Router` } },
    ],
  };
  return {
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [
      { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }], ...more },
    ],
  };
}
