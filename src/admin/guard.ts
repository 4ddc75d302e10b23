// Keeps out browsers and rebound names: a Host that is not ours, an Origin other than this very address. Pure.
import type { IncomingHttpHeaders } from 'node:http';
import { CellwallError } from '../lib/errors.ts';

/** Sent with every answer: nothing here may be framed, sniffed, cached or run. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/**
 * Throws `permission_denied` unless the request names this server as one of `hosts`, or by the address at which it arrived, and does not
 * come from another site's page.
 */
export function checkOrigin(
  headers: IncomingHttpHeaders,
  hosts: ReadonlySet<string>,
  arrivedAt?: string,
  /** Of the page itself, which is the same for everybody: a link to it may be anywhere. */
  linked = false,
): void {
  const host = headers.host;
  const name = host === undefined ? undefined : hostName(host);
  // DNS rebinding: a page's own name resolves to this address, so the browser's Host is that name.
  if (host === undefined || name === undefined || !(hosts.has(name) || name === arrivedAt?.replace(/^::ffff:/, ''))) {
    throw new CellwallError('permission_denied', 'this Host is not served here', {
      hint: 'call the admin API by the address it listens on',
    });
  }
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  const foreign = origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
  const followed = linked && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  if (foreign || (site !== undefined && site !== 'same-origin' && site !== 'none' && !followed)) {
    throw new CellwallError('permission_denied', 'requests from other origins are refused');
  }
}

/** The name in a Host header (RFC 9110 §7.2), lower case, without port and brackets; undefined if malformed. */
function hostName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?$/.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}
