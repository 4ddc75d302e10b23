// SPIFFE IDs, byte by byte as in the standard (SPIFFE-ID §2), never through URL: https://spiffe.io/docs/latest/spiffe-specs/spiffe-id/
import { z } from 'zod';

/** A valid one (SPIFFE-ID §2.1): text from outside goes through `parseTrustDomain`. */
export type TrustDomain = string & { readonly __brand: 'TrustDomain' };
/** A valid one (SPIFFE-ID §2): text from outside goes through `parseSpiffeId`. */
export type SpiffeId = string & { readonly __brand: 'SpiffeId' };

const trustDomainPattern = /^[a-z0-9._-]{1,255}$/;
const segmentPattern = /^[A-Za-z0-9._-]+$/;
const scheme = 'spiffe://';
const maxBytes = 2048;

/** The same as RE2 has it, for proxies; they limit the length themselves. */
export const spiffeIdRegex =
  '^spiffe://[a-z0-9._-]+(?:/(?:[A-Za-z0-9_-]|\\.[A-Za-z0-9_-]|\\.\\.[A-Za-z0-9._-])[A-Za-z0-9._-]*)+$';

/** The trust domain in `text` (a bare name, no scheme), or undefined. SPIFFE-ID §2.1. */
export function parseTrustDomain(text: string): TrustDomain | undefined {
  return trustDomainPattern.test(text) ? (text as TrustDomain) : undefined;
}

/** The SPIFFE ID of a workload (a path is required), or undefined. SPIFFE-ID §2.2, §2.3. */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  if (text.length > maxBytes || !text.startsWith(scheme)) return undefined;
  const [domain, ...segments] = text.slice(scheme.length).split('/');
  if (domain === undefined || parseTrustDomain(domain) === undefined || segments.length === 0) return undefined;
  for (const segment of segments) {
    if (segment === '.' || segment === '..' || !segmentPattern.test(segment)) return undefined;
  }
  return text as SpiffeId;
}

export function trustDomainOf(id: SpiffeId): TrustDomain {
  return id.slice(scheme.length, id.indexOf('/', scheme.length)) as TrustDomain;
}

/** `spiffe://<trust domain>`: the SDS name of a trust domain's bundle. */
export function trustDomainUri(domain: TrustDomain): string {
  return `${scheme}${domain}`;
}

/** A service's SPIFFE ID; without a cell for services that belong to none. */
export function serviceSpiffeId(domain: TrustDomain, name: string, cell?: string): SpiffeId {
  const path = cell === undefined ? `service/${name}` : `cell/${cell}/service/${name}`;
  return `${scheme}${domain}/${path}` as SpiffeId;
}

/** The prefix of every identity in a cell, ending in "/". */
export function cellSpiffePrefix(domain: TrustDomain, cell: string): string {
  return `${scheme}${domain}/cell/${cell}/`;
}

/** The prefix of every identity in any cell, ending in "/". */
export function cellsSpiffePrefix(domain: TrustDomain): string {
  return `${scheme}${domain}/cell/`;
}

/** The control plane's own SPIFFE ID. */
export function serverSpiffeId(domain: TrustDomain): SpiffeId {
  return reservedSpiffeId(domain, 'server');
}

/** One that no document gives to anybody. */
export function reservedSpiffeId(domain: TrustDomain, what: 'server' | 'report' | 'checkpoint'): SpiffeId {
  return `${scheme}${domain}/cellwall/${what}` as SpiffeId;
}

export const trustDomainSchema = z
  .string()
  .refine((text) => parseTrustDomain(text) !== undefined, {
    error: 'not a trust domain: lower-case letters, digits, ".", "_" and "-", 255 at most',
  })
  .transform((text) => text as TrustDomain);

export const spiffeIdSchema = z
  .string()
  .refine((text) => parseSpiffeId(text) !== undefined, {
    error: 'not a SPIFFE ID, as in "spiffe://example.org/cell/cell-1/service/api"',
  })
  .transform((text) => text as SpiffeId);

/** Ends in "/", so that it never matches half a segment. */
export const spiffePrefixSchema = z
  .string()
  .refine(
    (text) =>
      text.endsWith('/') &&
      (parseSpiffeId(text.slice(0, -1)) !== undefined ||
        (parseTrustDomain(text.slice(scheme.length, -1)) !== undefined && text.startsWith(scheme))),
    {
      error: 'not a SPIFFE ID prefix: begins with "spiffe://<trust domain>/" and ends in "/"',
    },
  );
