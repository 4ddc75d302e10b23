// The client side of mTLS: the caller's own SVID, and exactly the target's SPIFFE ID from a root of the target's trust domain. The SAN is
// in the cluster, the bundle in the shared secret.
import { create } from '@bufbuild/protobuf';
import { type TransportSocket, TransportSocketSchema } from '#gen/envoy/config/core/v3/base_pb.js';
import { SubjectAltNameMatcher_SanType } from '#gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import { UpstreamTlsContextSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { type SpiffeId, trustDomainOf } from '../../model/spiffe-id.ts';
import type { PortIr } from '../../policy/ir.ts';
import { callerServerName } from '../inbound/caller-chains.ts';
import { bundleName } from '../names.ts';
import { any } from '../wire/any.ts';
import { secretConfig } from './secret-config.ts';
import { tlsParams } from './tls-params.ts';

export function upstreamTls(caller: SpiffeId, target: PortIr): TransportSocket {
  return create(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls',
    configType: {
      case: 'typedConfig',
      value: any(UpstreamTlsContextSchema, {
        sni: callerServerName(caller, target),
        maxSessionKeys: 0,
        commonTlsContext: {
          tlsParams: tlsParams(),
          alpnProtocols: alpnOf(target),
          tlsCertificateSdsSecretConfigs: [secretConfig(caller)],
          validationContextType: {
            case: 'combinedValidationContext',
            value: {
              defaultValidationContext: {
                matchTypedSubjectAltNames: [
                  {
                    sanType: SubjectAltNameMatcher_SanType.URI,
                    matcher: { matchPattern: { case: 'exact', value: target.spiffeId } },
                  },
                ],
              },
              validationContextSdsSecretConfig: secretConfig(bundleName(trustDomainOf(target.spiffeId))),
            },
          },
        },
      }),
    },
  });
}

function alpnOf({ protocol }: PortIr): string[] {
  switch (protocol) {
    case 'http1':
      return ['http/1.1'];
    case 'http2':
    case 'grpc':
      return ['h2'];
    case 'tcp':
      return [];
    default:
      return protocol satisfies never;
  }
}
