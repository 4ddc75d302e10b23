// TrustBundle documents: one for each foreign trust domain, never our own, with roots that are its own.
import { readForeignBundle } from '../../identity/federation/foreign-bundle.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { TrustBundleDocument } from '../../model/documents/trust-bundle.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { type TrustDomain, trustDomainOf } from '../../model/spiffe-id.ts';
import type { TrustBundleIr } from '../trust-bundle-ir.ts';
import { legacyCertificateFault } from './legacy-certificates.ts';
import type { Problems } from './problems.ts';

type Parsed = ParsedDocument<TrustBundleDocument>;

/** By trust domain. */
export function resolveTrustBundles(
  documents: readonly Parsed[],
  own: TrustDomain,
  problems: Problems,
): ReadonlyMap<TrustDomain, TrustBundleIr> {
  const found = new Map<TrustDomain, TrustBundleIr>();
  const places = new Map<TrustDomain, Parsed>();
  for (const parsed of documents) {
    const { trustDomain, bundle, endpoint } = parsed.document.spec;
    const first = places.get(trustDomain);
    if (trustDomain === own) {
      problems.error(parsed, ['spec', 'trustDomain'], {
        code: 'own-trust-domain',
        message: `"${trustDomain}" is the trust domain of this mesh`,
        hint: 'its roots are those of its CA (cellwall ca); a TrustBundle is for another trust domain',
      });
    } else if (first !== undefined) {
      problems.error(parsed, ['spec', 'trustDomain'], {
        code: 'duplicate-trust-domain',
        message: `a second TrustBundle of "${trustDomain}"`,
        hint: `the other one is at ${first.source.file}:${first.source.line}; put all its roots into one`,
      });
    }
    if (bundle === undefined && endpoint === undefined) {
      problems.error(parsed, ['spec'], {
        code: 'no-bundle',
        message: 'neither `bundle` nor `endpoint`: nobody of that trust domain could be recognised',
        hint: 'paste its roots as `bundle`, or say with `endpoint` where they are fetched from',
      });
    }
    if (bundle !== undefined) checkBundle(parsed, bundle, problems);
    checkEndpoint(parsed, problems);
    places.set(trustDomain, parsed);
    found.set(trustDomain, { trustDomain, document: parsed.key, ...defined({ inline: bundle, endpoint }) });
  }
  return found;
}

function checkBundle(parsed: Parsed, bundle: string, problems: Problems): void {
  const place = ['spec', 'bundle'];
  try {
    if (readForeignBundle(bundle, parsed.document.spec.trustDomain).roots.length > 0) return;
    problems.error(parsed, place, {
      code: 'bad-bundle',
      message: 'the bundle has no root',
      hint: 'to trust nobody of that trust domain, delete the TrustBundle',
    });
  } catch (reason) {
    const { message, hint = 'paste it again, whole, as its owner publishes it' } = CellwallError.from(reason);
    problems.error(parsed, place, { code: 'bad-bundle', message, hint });
  }
}

function checkEndpoint(parsed: Parsed, problems: Problems): void {
  const { trustDomain, bundle, endpoint } = parsed.document.spec;
  if (endpoint === undefined) return;
  if (endpoint.profile === 'https_web') {
    const fault = endpoint.certificates === undefined ? undefined : legacyCertificateFault(endpoint.certificates);
    if (fault === undefined) return;
    problems.error(parsed, ['spec', 'endpoint', 'certificates'], { code: 'bad-certificate', ...fault });
    return;
  }
  // Of another trust domain, its bundle would have to be known first, from wherever that comes (SPIFFE Federation §5.2.2).
  if (trustDomainOf(endpoint.spiffeId) !== trustDomain) {
    problems.error(parsed, ['spec', 'endpoint', 'spiffeId'], {
      code: 'foreign-trust-domain',
      message: `${endpoint.spiffeId} is not in the trust domain "${trustDomain}"`,
      hint: 'an endpoint proves itself by an SVID of the trust domain that it serves; otherwise use the profile https_web',
    });
  }
  if (bundle === undefined) {
    problems.error(parsed, ['spec', 'endpoint'], {
      code: 'no-first-bundle',
      message: 'with https_spiffe the endpoint is verified by the bundle that is known already, and there is none',
      hint: 'paste the present roots of that trust domain as `bundle`; later ones are fetched',
    });
  }
}
