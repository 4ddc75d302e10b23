// Errors of a Service that is outside of the mesh: what it cannot say, as nothing of it runs here.
import type { Service } from '../../model/documents/service.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { writtenPorts } from '../../model/service-ports.ts';
import { trustDomainOf } from '../../model/spiffe-id.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Problems } from './problems.ts';

/** Adds what it finds to `problems`; nothing for a service of the mesh. */
export function checkExternal(
  parsed: ParsedDocument<Service>,
  { trustDomain, trustBundles }: Pick<MeshDefaults, 'trustDomain' | 'trustBundles'>,
  problems: Problems,
): void {
  const { spec } = parsed.document;
  const { external } = spec;
  if (external === undefined) return;
  const domain = trustDomainOf(external.spiffeId);
  const place = ['spec', 'external', 'spiffeId'];
  if (domain === trustDomain) {
    problems.error(parsed, place, {
      code: 'own-trust-domain',
      message: `${external.spiffeId} is an identity of this mesh`,
      hint: 'a service of the mesh is not `external`: its sidecars prove to be it',
    });
  } else if (!trustBundles.has(domain)) {
    problems.error(parsed, place, {
      code: 'foreign-trust-domain',
      message: `the roots of the trust domain "${domain}" are not known here`,
      hint: 'write a TrustBundle for it (docs/federation.md)',
    });
  }
  for (const { endpoints, place: at } of writtenPorts(parsed.document)) {
    if (!('sidecars' in endpoints)) continue;
    problems.error(parsed, [...at, 'endpoints'], {
      code: 'no-endpoints',
      message: 'a service outside of the mesh has no sidecars that could register its endpoints',
      hint: 'say where it is: `endpoints: {dns: {name: billing.partner.example, port: 443}}`, or `static`',
    });
  }
  const misplaced: readonly (readonly [field: string, said: boolean])[] = [
    ['mtls', spec.mtls !== undefined],
    ['dependsOn', spec.dependsOn.length > 0],
  ];
  for (const [field, said] of misplaced) {
    if (!said) continue;
    problems.error(parsed, ['spec', field], {
      code: 'outside-of-the-mesh',
      message: `${field} of a service that is outside of the mesh`,
      hint: 'remove it: what happens there is decided there',
    });
  }
}
