// The server side of mTLS. Strict: the SPIFFE validator, certificate required. Permissive: the default validator, because the SPIFFE
// validator refuses a missing certificate whatever `require_client_certificate` says. Resumption is off in both cases: a resumed session's
// peer counts as unvalidated, which inverts denies (envoy#42668).
import { create } from '@bufbuild/protobuf';
import { type TransportSocket, TransportSocketSchema } from '#gen/envoy/config/core/v3/base_pb.js';
import { SubjectAltNameMatcher_SanType } from '#gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import { DownstreamTlsContextSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { SpiffeId, TrustDomain } from '../../model/spiffe-id.ts';
import type { PortIr } from '../../policy/ir.ts';
import { bundleName, permissiveBundleName } from '../names.ts';
import { any } from '../wire/any.ts';
import { secretConfig } from './secret-config.ts';
import { callerTlsParams } from './tls-params.ts';

/** `only`: nobody else passes the handshake, whatever the service's mode. */
export function downstreamTls(service: PortIr, domain: TrustDomain, only?: readonly SpiffeId[]): TransportSocket {
  const { mtls } = service;
  const strict = mtls.mode === 'strict' || only !== undefined;
  const validation = secretConfig(
    only !== undefined || mtls.mode === 'strict' ? bundleName(domain) : permissiveBundleName(domain, mtls),
  );
  return create(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls',
    configType: {
      case: 'typedConfig',
      value: any(DownstreamTlsContextSchema, {
        requireClientCertificate: strict,
        sessionTicketKeysType: { case: 'disableStatelessSessionResumption', value: true },
        disableStatefulSessionResumption: true,
        commonTlsContext: {
          tlsParams: callerTlsParams(strict ? 'identities' : 'anyone'),
          alpnProtocols: service.protocol === 'tcp' ? [] : ['h2', 'http/1.1'],
          tlsCertificateSdsSecretConfigs: [secretConfig(service.spiffeId)],
          validationContextType:
            only === undefined
              ? { case: 'validationContextSdsSecretConfig', value: validation }
              : {
                  case: 'combinedValidationContext',
                  value: {
                    defaultValidationContext: { matchTypedSubjectAltNames: only.map(exactly) },
                    validationContextSdsSecretConfig: validation,
                  },
                },
        },
      }),
    },
  });
}

function exactly(id: SpiffeId) {
  return {
    sanType: SubjectAltNameMatcher_SanType.URI,
    matcher: { matchPattern: { case: 'exact', value: id } as const },
  };
}
