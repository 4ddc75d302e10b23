// What the application is told about its caller, and whose headers of that kind are removed: everybody's, except for the hops that a
// document names.
import type { Service } from '../../model/documents/service.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { type SpiffeId, serviceSpiffeId, trustDomainOf, trustDomainUri } from '../../model/spiffe-id.ts';
import type { IdentityHeadersIr, ServiceKey } from '../ir.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Names } from './names.ts';
import type { Problems } from './problems.ts';

interface Context {
  readonly defaults: MeshDefaults;
  readonly names: Names;
  readonly problems: Problems;
}

/** Headers in which TLS-terminating proxies pass on the certificate they saw: nginx, Traefik, ALB, Azure, Cloudflare, GCP, RFC 9440. */
export const certificateHeaders: readonly string[] = [
  'cf-client-cert-*',
  'client-cert',
  'client-cert-*',
  'ssl-client-*',
  'x-amzn-mtls-*',
  'x-arr-clientcert',
  'x-client-cert',
  'x-client-cert-*',
  'x-client-certificate',
  'x-forwarded-tls-client-*',
  'x-ssl-*',
];

/** `stripped` always includes the headers that carry certificates, and those that the Mesh lists. */
export function resolveIdentityHeaders(parsed: ParsedDocument<Service>, context: Context): IdentityHeadersIr {
  const { xfcc, peerId, subjectDn, stripped } = parsed.document.spec.identityHeaders;
  const names = new Set([...certificateHeaders, ...context.defaults.strippedHeaders, ...stripped]);
  return { xfcc, peerId, subjectDn, stripped: [...names].sort(), trusted: resolveTrusted(parsed, context) };
}

function resolveTrusted(parsed: ParsedDocument<Service>, context: Context): IdentityHeadersIr['trusted'] {
  const { metadata, spec } = parsed.document;
  const { defaults, names, problems } = context;
  const callers = new Set<SpiffeId>();
  let anonymous = false;
  for (const [index, hop] of spec.identityHeaders.trustedFrom.entries()) {
    const place = ['spec', 'identityHeaders', 'trustedFrom', index];
    if ('service' in hop) {
      const key = names.service(hop.service, metadata.cell, parsed, [...place, 'service']);
      if (key !== undefined) callers.add(idOfService(key, defaults.trustDomain));
    } else if ('spiffeId' in hop) {
      if (trustDomainOf(hop.spiffeId) === defaults.trustDomain) callers.add(hop.spiffeId);
      else {
        problems.error(parsed, place, {
          code: 'foreign-trust-domain',
          message: `${hop.spiffeId} is in another trust domain`,
          hint: `a trusted hop must be in this mesh: "${trustDomainUri(defaults.trustDomain)}/..."`,
        });
      }
    } else if ((spec.mtls?.mode ?? defaults.mode) === 'strict') {
      problems.error(parsed, place, {
        code: 'anonymous-under-strict',
        message: 'a strict service has no anonymous callers',
        hint: 'name the service or the identity of the hop',
      });
    } else anonymous = true;
  }
  return { callers: [...callers].sort(), anonymous };
}

export function idOfService(key: ServiceKey, trustDomain: Parameters<typeof serviceSpiffeId>[0]): SpiffeId {
  const [first = '', second] = key.split('/');
  return second === undefined ? serviceSpiffeId(trustDomain, first) : serviceSpiffeId(trustDomain, second, first);
}
