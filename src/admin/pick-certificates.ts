// Which of the issued certificates somebody asked for. Pure.
import type { IssuedCertificate } from './wire-certificates.ts';

export interface CertificatesWanted {
  /** Those that end within so many milliseconds, without a successor: nobody renewed them. */
  readonly withinMs?: number | undefined;
  readonly spiffeId?: string | undefined;
  /** Also those that have ended. */
  readonly ended?: boolean | undefined;
}

/** `now`: epoch milliseconds. The order stays. */
export function pickCertificates(
  all: readonly IssuedCertificate[],
  { withinMs, spiffeId, ended = false }: CertificatesWanted,
  now: number,
): readonly IssuedCertificate[] {
  const last = new Map<string, IssuedCertificate>();
  for (const certificate of all) {
    const holder = holderOf(certificate);
    const known = last.get(holder);
    if (known === undefined || isLater(certificate, known)) last.set(holder, certificate);
  }
  return all.filter((certificate) => {
    const { notAfter, purpose } = certificate;
    if (spiffeId !== undefined && certificate.spiffeId !== spiffeId) return false;
    // A root that has ended is still in the bundle, and somebody should know.
    if (!ended && notAfter <= now && !purpose.startsWith('ca-')) return false;
    return withinMs === undefined || (notAfter <= now + withinMs && last.get(holderOf(certificate)) === certificate);
  });
}

/** Dates in certificates have seconds. */
function isLater(one: IssuedCertificate, other: IssuedCertificate): boolean {
  const issued = ({ issuedAt, notBefore }: IssuedCertificate): number => issuedAt ?? notBefore;
  return one.notAfter > other.notAfter || (one.notAfter === other.notAfter && issued(one) > issued(other));
}

/** What a successor has in common with it. Without a host or a requester on record, those of an identity are taken for one holder's. */
function holderOf({ purpose, spiffeId, nodeKey, requester, serial }: IssuedCertificate): string {
  if (purpose === 'ca-root') return serial;
  return JSON.stringify([purpose, spiffeId, nodeKey ?? null, purpose === 'svid-pushed' ? (requester ?? null) : null]);
}
