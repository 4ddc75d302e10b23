// A real Envoy that runs what translate makes for one proxy, fed by the plain ADS server, with an SVID as its own secret.
import { create } from '@bufbuild/protobuf';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr } from '../../src/policy/ir.ts';
import type { Bundles, LiveEndpoints, ProxyShape, TranslatedResource } from '../../src/translate/proxy.ts';
import { translate } from '../../src/translate/translate.ts';
import { typeUrls } from '../../src/xds/type-url.ts';
import { type AdsServer, startAdsServer } from './ads-server.ts';
import { type RunningEnvoy, startEnvoy } from './start-envoy.ts';
import type { TestCertificate } from './test-ca.ts';

export interface TranslatedInputs {
  readonly mesh: MeshIr;
  readonly endpoints: LiveEndpoints;
  readonly bundles: Bundles;
}

export interface TranslatedProxy {
  readonly envoy: RunningEnvoy;
  readonly ads: AdsServer;
  update(inputs: TranslatedInputs): void;
  stop(): Promise<void>;
}

export async function startTranslatedProxy(
  inputs: TranslatedInputs,
  shape: ProxyShape,
  svid: TestCertificate,
  envoyArgs: readonly string[] = [],
): Promise<TranslatedProxy> {
  const ads = await startAdsServer();
  const update = ({ mesh, endpoints, bundles }: TranslatedInputs): void => {
    ads.set([...translate(mesh, endpoints, bundles, shape), svidSecret(shape.spiffeId, svid)]);
  };
  update(inputs);
  const envoy = await startEnvoy(bootstrap(shape.spiffeId, ads.port), envoyArgs);
  return {
    envoy,
    ads,
    update,
    async stop() {
      await envoy.stop();
      ads.stop();
    },
  };
}

function svidSecret(name: SpiffeId, { certificate, key }: TestCertificate): TranslatedResource<typeof SecretSchema> {
  return {
    typeUrl: typeUrls.secret,
    name,
    schema: SecretSchema,
    message: create(SecretSchema, {
      name,
      type: {
        case: 'tlsCertificate',
        value: {
          certificateChain: { specifier: { case: 'inlineString', value: certificate } },
          privateKey: { specifier: { case: 'inlineString', value: key } },
        },
      },
    }),
  };
}

function bootstrap(spiffeId: SpiffeId, port: number): object {
  const grpc = { envoy_grpc: { cluster_name: 'cellwall' } };
  return {
    node: { id: `${spiffeId}~test`, cluster: 'test' },
    dynamic_resources: {
      ads_config: { api_type: 'GRPC', transport_api_version: 'V3', grpc_services: [grpc] },
      lds_config: { ads: {}, resource_api_version: 'V3' },
      cds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [
        {
          name: 'cellwall',
          type: 'STATIC',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'cellwall',
            endpoints: [
              {
                lb_endpoints: [
                  { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } },
                ],
              },
            ],
          },
        },
      ],
    },
  };
}
