// The client side of mTLS: the caller's own SVID, and exactly the target's SPIFFE ID from a root of the target's trust domain. The SAN is
// in the cluster, the bundle in the shared secret.
import { create } from '@bufbuild/protobuf';
import type { TransportSocket } from '#gen/envoy/config/core/v3/base_pb.js';
import { SubjectAltNameMatcher_SanType } from '#gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import {
  CommonTlsContextSchema,
  UpstreamTlsContextSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { type SpiffeId, trustDomainOf } from '../../model/spiffe-id.ts';
import type { PortIr } from '../../policy/ir.ts';
import { serverNameFor } from '../inbound/caller-chains.ts';
import { bundleName } from '../names.ts';
import { any } from '../wire/any.ts';
import { composer } from '../wire/compose.ts';
import { ownSecretConfig, secretConfig, tlsSocket } from './secret-config.ts';
import { tlsParams } from './tls-params.ts';

/** For each caller of the target. Reads all of the target at once. */
export function upstreamTls(target: PortIr): (caller: SpiffeId, secrets?: 'local') => TransportSocket {
  const { spiffeId } = target;
  const serverName = target.external ? () => foreignServerName(target) : serverNameFor(target);
  const common = create(CommonTlsContextSchema, {
    tlsParams: tlsParams(),
    alpnProtocols: alpnOf(target),
    validationContextType: {
      case: 'combinedValidationContext',
      value: {
        defaultValidationContext: {
          matchTypedSubjectAltNames: [
            {
              sanType: SubjectAltNameMatcher_SanType.URI,
              matcher: { matchPattern: { case: 'exact', value: spiffeId } },
            },
          ],
        },
        validationContextSdsSecretConfig: secretConfig(bundleName(trustDomainOf(spiffeId))),
      },
    },
  });
  const commonOf = composer(common, ['tlsCertificateSdsSecretConfigs']);
  const contextOf = composer(create(UpstreamTlsContextSchema, { maxSessionKeys: 0 }), ['commonTlsContext', 'sni']);
  return (caller, secrets) =>
    tlsSocket(
      any(
        UpstreamTlsContextSchema,
        contextOf({
          commonTlsContext: commonOf({ tlsCertificateSdsSecretConfigs: [ownSecretConfig(caller, secrets)] }),
          sni: serverName(caller),
        }),
      ),
    );
}

/** Chains for single callers are our own sidecars'. A server elsewhere may choose its certificate by the name that it is called by. */
function foreignServerName({ endpoints }: PortIr): string {
  return endpoints.kind === 'dns' ? endpoints.name : '';
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
