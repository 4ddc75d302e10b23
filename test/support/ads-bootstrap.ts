// A bootstrap for a test's Envoy: everything over ADS from a control plane on loopback, in plaintext unless it is given a certificate.
import type { TestCertificate } from './test-ca.ts';

export interface AdsBootstrap {
  readonly node: string;
  readonly port: number;
  readonly apiType?: 'DELTA_GRPC' | 'GRPC';
  /** Files of the client certificate, its key and the server's root: with them TLS 1.3. */
  readonly tls?: Readonly<Record<keyof TestCertificate, string>>;
}

const ads = { ads: {}, resource_api_version: 'V3' };
const http2 = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const upstreamTls = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';

export function adsBootstrap({ node, port, apiType = 'DELTA_GRPC', tls }: AdsBootstrap): object {
  const endpoint = { address: { socket_address: { address: '127.0.0.1', port_value: port } } };
  const controlPlane = {
    name: 'cellwall',
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': http2,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: { cluster_name: 'cellwall', endpoints: [{ lb_endpoints: [{ endpoint }] }] },
    ...(tls === undefined ? {} : { transport_socket: transportSocket(tls) }),
  };
  return {
    node: { id: node, cluster: 'test' },
    dynamic_resources: {
      ads_config: {
        api_type: apiType,
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'cellwall' } }],
        set_node_on_first_message_only: true,
      },
      cds_config: ads,
      lds_config: ads,
    },
    static_resources: { clusters: [controlPlane] },
  };
}

function transportSocket({ certificate, key, root }: Readonly<Record<keyof TestCertificate, string>>): object {
  return {
    name: 'tls',
    typed_config: {
      '@type': upstreamTls,
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
        tls_certificates: [{ certificate_chain: { filename: certificate }, private_key: { filename: key } }],
        validation_context: { trusted_ca: { filename: root } },
      },
    },
  };
}
