// Whether the names of an SVID are those that one may have: one SPIFFE ID, of the trust domain. Pure.
import { parseSpiffeId, parseTrustDomain } from '../../model/spiffe-id.ts';
import type { SvidFault } from './svid-fault.ts';

interface LookedAtId {
  readonly spiffeId?: string;
  readonly faults: readonly SvidFault[];
}

const scheme = 'spiffe://';

/** `trustDomain` absent: any. */
export function lookAtId(uris: readonly string[], trustDomain: string | undefined): LookedAtId {
  const [uri, ...others] = uris;
  if (uri === undefined || others.length > 0) return { faults: [{ kind: 'no-spiffe-id', names: uris.length }] };
  if (parseSpiffeId(uri) === undefined) {
    return { faults: [{ kind: 'spiffe-id-malformed', uri: uri.slice(0, 200), why: whyNot(uri) }] };
  }
  const [has = ''] = uri.slice(scheme.length).split('/');
  const faults: readonly SvidFault[] =
    trustDomain === undefined || has === trustDomain ? [] : [{ kind: 'other-trust-domain', has, wants: trustDomain }];
  return { spiffeId: uri, faults };
}

/** SPIFFE-ID §2: the first rule that it breaks. */
function whyNot(uri: string): string {
  if (!uri.startsWith(scheme))
    return /^spiffe:/i.test(uri)
      ? 'it begins with "spiffe://", in small letters'
      : 'it does not begin with "spiffe://"';
  if (uri.length > 2048) return 'it is longer than 2,048 bytes';
  const [domain = '', ...segments] = uri.slice(scheme.length).split('/');
  if (parseTrustDomain(domain) === undefined) {
    return domain === ''
      ? 'it has no trust domain'
      : 'a trust domain has small letters, digits, ".", "_" and "-" alone, no port and no user';
  }
  if (segments.length === 0) return 'it has no path: it names the trust domain itself, and no workload';
  if (segments.some((one) => one === '')) return 'a segment of its path is empty ("//", or a "/" at the end)';
  if (segments.some((one) => one === '.' || one === '..')) return 'its path has "." or ".." in it';
  return 'its path has other characters than letters, digits, ".", "_" and "-" (there are no percent escapes, query or fragment)';
}
