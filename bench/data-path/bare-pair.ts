// What our sidecars are held against: two Envoys with mutual TLS 1.3 to exactly each other's name, a route each, and nothing else.
import { freePorts } from '../../test/support/free-ports.ts';
import { startEnvoy } from '../../test/support/start-envoy.ts';
import { createTestCa } from '../../test/support/test-ca.ts';
import type { Protocol } from './calls.ts';

export interface Paths {
  /** Where to call for each protocol. */
  readonly ports: Readonly<Record<Protocol, number>>;
  stop(): Promise<void>;
}

const protocols = ['http1', 'grpc'] as const;
const extension = 'type.googleapis.com/envoy.extensions';

export async function startBarePair(application: number): Promise<Paths> {
  const ca = await createTestCa('bench');
  const inbound = byProtocol(await freePorts(2));
  const outbound = byProtocol(await freePorts(2));
  const tls = async (own: string, peer: string, protocol: Protocol): Promise<object> => {
    const { certificate, key } = await ca.issue({ uri: `spiffe://bench/${own}` });
    return {
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
        alpn_protocols: [protocol === 'grpc' ? 'h2' : 'http/1.1'],
        tls_certificates: [{ certificate_chain: { inline_string: certificate }, private_key: { inline_string: key } }],
        validation_context: {
          trusted_ca: { inline_string: ca.root },
          match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: `spiffe://bench/${peer}` } }],
        },
      },
    };
  };
  const server = { listeners: [] as object[], clusters: [] as object[] };
  const client = { listeners: [] as object[], clusters: [] as object[] };
  for (const protocol of protocols) {
    const down = { require_client_certificate: true, ...(await tls('api', 'web', protocol)) };
    const up = await tls('web', 'api', protocol);
    server.listeners.push(listener(protocol, inbound[protocol], socket('Downstream', down)));
    server.clusters.push(cluster(protocol, application));
    client.listeners.push(listener(protocol, outbound[protocol]));
    client.clusters.push(cluster(protocol, inbound[protocol], socket('Upstream', up)));
  }
  const behind = await startEnvoy({ static_resources: server });
  const before = await startEnvoy({ static_resources: client });
  for (const protocol of protocols) {
    await behind.port(protocol);
    await before.port(protocol);
  }
  return {
    ports: outbound,
    async stop() {
      await before.stop();
      await behind.stop();
    },
  };
}

function byProtocol([http1 = 0, grpc = 0]: readonly number[]): Readonly<Record<Protocol, number>> {
  return { http1, grpc };
}

function at(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function socket(side: 'Upstream' | 'Downstream', context: object): object {
  const typed_config = { '@type': `${extension}.transport_sockets.tls.v3.${side}TlsContext`, ...context };
  return { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config } };
}

function listener(protocol: Protocol, port: number, transport: object = {}): object {
  const manager = {
    '@type': `${extension}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: protocol,
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: protocol, timeout: '0s' } }],
        },
      ],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': `${extension}.filters.http.router.v3.Router` } }],
  };
  return {
    name: protocol,
    address: at(port),
    enable_reuse_port: false,
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }], ...transport }],
  };
}

function cluster(protocol: Protocol, port: number, transport: object = {}): object {
  const options = {
    '@type': `${extension}.upstreams.http.v3.HttpProtocolOptions`,
    explicit_http_config: protocol === 'grpc' ? { http2_protocol_options: {} } : { http_protocol_options: {} },
  };
  return {
    name: protocol,
    type: 'STATIC',
    circuit_breakers: {
      thresholds: [{ max_connections: 10_000, max_pending_requests: 10_000, max_requests: 100_000 }],
    },
    load_assignment: {
      cluster_name: protocol,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: at(port) } }] }],
    },
    typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': options },
    ...transport,
  };
}
