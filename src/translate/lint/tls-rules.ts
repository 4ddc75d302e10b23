// TLS contexts and trust: no resumption, TLS 1.3, no validation that accepts any certificate, no inline key.
import { isMessage, type Message } from '@bufbuild/protobuf';
import {
  type CertificateValidationContext,
  CertificateValidationContext_TrustChainVerification,
  CertificateValidationContextSchema,
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import {
  type CommonTlsContext,
  CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { SPIFFECertValidatorConfigSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import { isCredentialName } from '../names.ts';
import { about, type Rule, type Wrong } from './rule.ts';

/** envoy#42668: behind the SPIFFE validator, the peer of a resumed session counts as unvalidated. */
const resumption = about([DownstreamTlsContextSchema, UpstreamTlsContextSchema], (message) => {
  if (isMessage(message, DownstreamTlsContextSchema)) {
    const { sessionTicketKeysType: tickets, disableStatefulSessionResumption: stateful } = message;
    if (stateful && tickets.case === 'disableStatelessSessionResumption' && tickets.value) return [];
    return [['tls-resumption', 'TLS session resumption must be off, stateless and stateful']];
  }
  return message.maxSessionKeys === 0 ? [] : [['tls-resumption', 'max_session_keys must be 0']];
});

const parameters = about([CommonTlsContextSchema], (message, ancestors) => {
  const wrong: Wrong[] = [];
  const { TLSv1_2, TLSv1_3 } = TlsParameters_TlsProtocol;
  const lowest = message.tlsParams?.tlsMinimumProtocolVersion;
  if (lowest !== TLSv1_3 && !(lowest === TLSv1_2 && takesAnyone(ancestors.at(-1)))) {
    wrong.push(['tls-version', 'TLS 1.3 is the minimum, and 1.2 where no certificate is asked for']);
  }
  if (message.tlsCertificates.length > 0) wrong.push(['tls-inline-key', 'certificates and keys come by SDS only']);
  wrong.push(...validation(message));
  return wrong;
});

function takesAnyone(context: Message | undefined): boolean {
  return (
    context !== undefined &&
    isMessage(context, DownstreamTlsContextSchema) &&
    context.requireClientCertificate === false
  );
}

function validation({ validationContextType: type }: CommonTlsContext): Wrong[] {
  switch (type.case) {
    case undefined:
      return [['tls-no-validation', 'the peer is not validated at all']];
    case 'validationContext':
      return anchored(type.value);
    case 'validationContextSdsSecretConfig':
      return [];
    case 'combinedValidationContext':
      return type.value.validationContextSdsSecretConfig === undefined
        ? [['tls-no-validation', 'the combined validation context has no bundle']]
        : [];
    default:
      return [['tls-no-validation', 'certificate providers are not looked into']];
  }
}

/** Envoy accepts an empty context, and then accepts every certificate. */
function anchored({ trustedCa, customValidatorConfig }: CertificateValidationContext): Wrong[] {
  const specifier = trustedCa?.specifier;
  const given = specifier?.case !== undefined && specifier.value.length > 0;
  return given || customValidatorConfig !== undefined
    ? []
    : [['tls-empty-validation', 'a validation context without trust anchors takes any certificate']];
}

const secrets = about([SecretSchema], (message) => {
  if (message.type.case === 'validationContext') return anchored(message.type.value);
  if (message.type.case === undefined) return [['secret-empty', 'a secret holds something']];
  // A token for an application, which all proxies of its service have.
  if (message.type.case === 'genericSecret' && isCredentialName(message.name)) return [];
  return [['secret-key', 'a key is only ever added to the resources of the proxy that owns it']];
});

const leniency = about([CertificateValidationContextSchema], (message) => {
  const wrong: Wrong[] = [];
  if (message.trustChainVerification !== CertificateValidationContext_TrustChainVerification.VERIFY_TRUST_CHAIN) {
    wrong.push(['tls-untrusted', 'untrusted certificates must not be accepted']);
  }
  if (message.allowExpiredCertificate) wrong.push(['tls-expired', 'expired certificates must not be accepted']);
  return wrong;
});

/** None refuses everyone; two with one name are a NACK. One per secret, because an upstream must trust only its target's domain. */
const trustDomains = about([SPIFFECertValidatorConfigSchema], (message) => {
  const names = message.trustDomains.map(({ name }) => name);
  const wrong: Wrong[] = [];
  if (names.length === 0) wrong.push(['spiffe-no-trust-domain', 'trust_domains without an entry refuses everyone']);
  if (new Set(names).size < names.length) wrong.push(['spiffe-twice', 'a trust domain is there twice']);
  for (const { name, trustBundle } of message.trustDomains) {
    const specifier = trustBundle?.specifier;
    if (name === '' || specifier?.case === undefined || specifier.value.length === 0) {
      wrong.push(['spiffe-empty-bundle', `the trust domain "${name}" has no bundle`]);
    }
  }
  return wrong;
});

/** Without it, any workload of the trust domain could impersonate the target. */
const exactTarget = about([UpstreamTlsContextSchema], (message) => {
  const type = message.commonTlsContext?.validationContextType;
  const context = type?.case === 'combinedValidationContext' ? type.value.defaultValidationContext : undefined;
  const sans = context?.matchTypedSubjectAltNames ?? [];
  const exact = sans.every(
    ({ sanType, matcher }) =>
      sanType === SubjectAltNameMatcher_SanType.URI &&
      matcher?.matchPattern.case === 'exact' &&
      matcher.matchPattern.value !== '' &&
      !matcher.ignoreCase,
  );
  return sans.length === 1 && exact
    ? []
    : [['tls-upstream-san', 'a dependency is exactly one SPIFFE ID, and no other']];
});

export const tlsRules: readonly Rule[] = [resumption, parameters, secrets, leniency, trustDomains, exactTarget];
