// Which root is over an intermediate, found by the name that access logs give it.
import { X509Certificate } from 'node:crypto';
import { rootName } from '../roots/roots-record.ts';
import type { KeptIntermediate } from './kept-intermediates.ts';

/**
 * By common name. Several if the name does not tell: earlier versions gave all the same one. `roots`: PEM; what none of them issued is left
 * out.
 */
export function rootsByIssuer(
  kept: readonly Pick<KeptIntermediate, 'ca'>[],
  roots: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const authorities = roots.map((pem) => new X509Certificate(pem));
  const found = new Map<string, readonly string[]>();
  for (const { ca } of kept) {
    const { certificate } = ca;
    const over = authorities.find((root) => certificate.checkIssued(root) && certificate.verify(root.publicKey));
    const [, name] = /(?:^|\n)CN=([^\n]*)/.exec(certificate.subject) ?? [];
    if (over === undefined || name === undefined) continue;
    found.set(name, [...new Set([...(found.get(name) ?? []), rootName(over.raw)])]);
  }
  return found;
}
