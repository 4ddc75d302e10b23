// The certificate of a proxy, and the clocks that judge it: its own host's, and its peers'. Pure.
import { defined } from '../lib/defined.ts';
import type { Side, Suspicion } from './cause.ts';
import type { Facts, ProxyFacts, SeenAnswer } from './facts.ts';

/** Less does no harm, and is within what a report of it may be off. */
const clockWorthSayingMs = 30_000;

/** `used`: calls go through this proxy. */
export function lookAtCertificate(side: Side, proxy: ProxyFacts, facts: Facts, used: boolean): readonly Suspicion[] {
  const { node, certificate, clockOffsetMs } = proxy;
  const { now, roots } = facts;
  const at = { side, node };
  const weight = used ? 'breaks' : 'note';
  const refused = (side === 'caller' ? facts.caller : facts.service).refusedSvids[0]?.reason;
  const found: Suspicion[] = [];
  if (Math.abs(clockOffsetMs) >= clockWorthSayingMs) {
    const breaks = used && isRefusedByClock(side, proxy, facts);
    found.push({ weight: breaks ? 'breaks' : 'note', cause: { kind: 'clock-off', ...at, offsetMs: clockOffsetMs } });
  }
  if (certificate === undefined) {
    // A control plane that has just started has not been told yet by helpers that keep their keys.
    found.push({
      weight: refused === undefined ? 'note' : weight,
      cause: { kind: 'certificate-missing', ...at, ...defined({ refused }) },
    });
    return found;
  }
  if (refused !== undefined && certificate.notAfter > now) {
    // What it shows ends, whatever the control plane's clock says of that.
    const seen = used && facts.answers.some((answer) => isOfCertificate(side, answer));
    found.push({ weight: seen ? 'breaks' : 'note', cause: { kind: 'svid-refused', side, who: node, reason: refused } });
  }
  const { notBefore = 0, notAfter, root } = certificate;
  if (notAfter <= now) {
    found.push({ weight, cause: { kind: 'certificate-ended', ...at, at: notAfter, ...defined({ refused }) } });
  } else if (notBefore > now) {
    found.push({ weight, cause: { kind: 'certificate-not-yet', ...at, at: notBefore } });
  }
  if (root !== undefined && roots !== undefined && !roots.includes(root)) {
    found.push({ weight, cause: { kind: 'certificate-other-root', ...at, root } });
  }
  return found;
}

/** It failed of the certificate of that side. */
function isOfCertificate(side: Side, { kind, details = '' }: SeenAnswer): boolean {
  if (kind !== 'own') return false;
  return side === 'service'
    ? /certificate_has_expired|certificate_is_not_yet_valid/.test(details)
    : details.includes('_ALERT_');
}

/** By this host's clock, the certificate of one of its peers here has not begun, or has ended. */
function isRefusedByClock(side: Side, { clockOffsetMs }: ProxyFacts, { caller, service, now }: Facts): boolean {
  const there = now + clockOffsetMs;
  const peers = side === 'caller' ? service.proxies : caller.proxies;
  return peers.some(({ certificate }) => {
    if (certificate === undefined || certificate.notAfter <= now) return false;
    return (certificate.notBefore ?? 0) > there || certificate.notAfter <= there;
  });
}
