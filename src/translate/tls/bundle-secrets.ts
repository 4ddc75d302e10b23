// Trust bundles as SDS secrets: the roots of the trust domain for the SPIFFE validator, and, for permissive chains, the same
// roots with the constrained anchors of a legacy authority for the default validator (docs/legacy-authorities.md).
import { create } from '@bufbuild/protobuf';
import { type Secret, SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { SPIFFECertValidatorConfigSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import type { TrustDomain } from '../../model/spiffe-id.ts';
import type { MtlsIr } from '../../policy/ir.ts';
import { bundleName, federatedBundleName, permissiveBundleName } from '../names.ts';
import type { Bundles } from '../proxy.ts';
import { any } from '../wire/any.ts';

/** The mesh's own trust domain: for whoever calls its services, and for ports that admit nobody else. */
export function spiffeBundle(domain: TrustDomain, { roots }: Bundles): Secret {
  return spiffeValidator(bundleName(domain), [[domain, roots]]);
}

/**
 * A foreign trust domain alone, for those who call its servers. While its roots are not known, no server is accepted: ours vouch for none
 * of it.
 */
export function foreignBundle(domain: TrustDomain, own: TrustDomain, bundles: Bundles): Secret {
  const roots = bundles.foreign?.get(domain) ?? '';
  return spiffeValidator(bundleName(domain), [roots === '' ? [own, bundles.roots] : [domain, roots]]);
}

/**
 * With foreign trust domains, for callers of a port whose rules name them. Each root vouches for its own trust domain alone. Of one whose
 * roots are not known nobody is accepted.
 */
export function federatedBundle(domain: TrustDomain, foreign: readonly TrustDomain[], bundles: Bundles): Secret {
  const known = foreign.flatMap((one): readonly (readonly [TrustDomain, string])[] => {
    const roots = bundles.foreign?.get(one) ?? '';
    return roots === '' ? [] : [[one, roots]];
  });
  return spiffeValidator(federatedBundleName(domain, foreign), [[domain, bundles.roots], ...known]);
}

/** Envoy refuses two entries with one name, and none at all refuses everyone. */
function spiffeValidator(name: string, domains: readonly (readonly [TrustDomain, string])[]): Secret {
  return create(SecretSchema, {
    name,
    type: {
      case: 'validationContext',
      value: {
        customValidatorConfig: {
          name: 'envoy.tls.cert_validator.spiffe',
          typedConfig: any(SPIFFECertValidatorConfigSchema, {
            trustDomains: domains.map(([domain, roots]) => ({
              name: domain,
              trustBundle: { specifier: { case: 'inlineString' as const, value: roots } },
            })),
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
