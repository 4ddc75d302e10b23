// The server side of mTLS. Strict: the SPIFFE validator, certificate required. Permissive: the default validator, because the SPIFFE
// validator refuses a missing certificate whatever `require_client_certificate` says. Resumption is off in both cases: a resumed session's
// peer counts as unvalidated, which inverts denies (envoy#42668).
import { create } from '@bufbuild/protobuf';
import type { TransportSocket } from '#gen/envoy/config/core/v3/base_pb.js';
import { SubjectAltNameMatcher_SanType } from '#gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import {
  type CommonTlsContext,
  CommonTlsContext_CombinedCertificateValidationContextSchema,
  CommonTlsContextSchema,
  DownstreamTlsContextSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { SpiffeId, TrustDomain } from '../../model/spiffe-id.ts';
import type { PortIr } from '../../policy/ir.ts';
import { bundleName, federatedBundleName, permissiveBundleName } from '../names.ts';
import { any } from '../wire/any.ts';
import { composer } from '../wire/compose.ts';
import { ownSecretConfig, secretConfig, tlsSocket } from './secret-config.ts';
import { callerTlsParams } from './tls-params.ts';

/** For each chain of the port. `only`: nobody else passes the handshake, whatever the service's mode. Reads all of the port at once. */
export function downstreamTls(
  { mtls, protocol, spiffeId, federated = [] }: PortIr,
  domain: TrustDomain,
  secrets?: 'local',
): (only?: readonly SpiffeId[]) => TransportSocket {
  const own = [ownSecretConfig(spiffeId, secrets)];
  const roots = secretConfig(bundleName(domain));
  const socketFor = (strict: boolean) => {
    const common = create(CommonTlsContextSchema, {
      tlsParams: callerTlsParams(strict ? 'identities' : 'anyone'),
      alpnProtocols: protocol === 'tcp' ? [] : ['h2', 'http/1.1'],
      tlsCertificateSdsSecretConfigs: own,
    });
    const commonOf = composer(common, ['validationContextType']);
    const context = create(DownstreamTlsContextSchema, {
      requireClientCertificate: strict,
      sessionTicketKeysType: { case: 'disableStatelessSessionResumption', value: true },
      disableStatefulSessionResumption: true,
    });
    const contextOf = composer(context, ['commonTlsContext']);
    return (validationContextType: CommonTlsContext['validationContextType']): TransportSocket => {
      const commonTlsContext = commonOf({ validationContextType });
      return tlsSocket(any(DownstreamTlsContextSchema, contextOf({ commonTlsContext })));
    };
  };
  const strict = socketFor(true);
  const forAll = mtls.mode === 'strict' ? strict : socketFor(false);
  const bundle =
    mtls.mode === 'strict'
      ? secretConfig(federatedBundleName(domain, federated))
      : secretConfig(permissiveBundleName(domain, mtls));
  return (only) => {
    if (only === undefined) return forAll({ case: 'validationContextSdsSecretConfig', value: bundle });
    const value = create(CommonTlsContext_CombinedCertificateValidationContextSchema, {
      defaultValidationContext: { matchTypedSubjectAltNames: only.map(exactly) },
      validationContextSdsSecretConfig: roots,
    });
    return strict({ case: 'combinedValidationContext', value });
  };
}

function exactly(id: SpiffeId) {
  return {
    sanType: SubjectAltNameMatcher_SanType.URI,
    matcher: { matchPattern: { case: 'exact', value: id } as const },
  };
}
