// Trust bundles as SDS secrets: the roots of the trust domain for the SPIFFE validator, and, for permissive chains, the same
// roots with the constrained anchors of a legacy authority for the default validator (docs/legacy-authorities.md).
import { create } from '@bufbuild/protobuf';
import { type Secret, SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { SPIFFECertValidatorConfigSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import type { TrustDomain } from '../../model/spiffe-id.ts';
import type { MtlsIr } from '../../policy/ir.ts';
import { bundleName, permissiveBundleName } from '../names.ts';
import type { Bundles } from '../proxy.ts';
import { any } from '../wire/any.ts';

/** One trust domain per secret: Envoy refuses two entries with one name, and none at all refuses everyone. */
export function spiffeBundle(domain: TrustDomain, { roots }: Bundles): Secret {
  return create(SecretSchema, {
    name: bundleName(domain),
    type: {
      case: 'validationContext',
      value: {
        customValidatorConfig: {
          name: 'envoy.tls.cert_validator.spiffe',
          typedConfig: any(SPIFFECertValidatorConfigSchema, {
            trustDomains: [{ name: domain, trustBundle: { specifier: { case: 'inlineString', value: roots } } }],
          }),
        },
      },
    },
  });
}

/** A legacy authority without anchors (yet) adds nothing: its clients are refused rather than accepted unconstrained. */
export function permissiveBundle(domain: TrustDomain, mtls: MtlsIr & { mode: 'permissive' }, bundles: Bundles): Secret {
  const anchors = mtls.legacyAuthority === undefined ? '' : (bundles.legacyAnchors.get(mtls.legacyAuthority) ?? '');
  return create(SecretSchema, {
    name: permissiveBundleName(domain, mtls),
    type: {
      case: 'validationContext',
      value: { trustedCa: { specifier: { case: 'inlineString', value: joinPem(bundles.roots, anchors) } } },
    },
  });
}

function joinPem(first: string, second: string): string {
  return first.endsWith('\n') || second === '' ? first + second : `${first}\n${second}`;
}
