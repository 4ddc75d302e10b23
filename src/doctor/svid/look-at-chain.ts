// Where a chain of certificates leads: to one of the roots, or why not. Pure.
import { X509Certificate } from 'node:crypto';
import { fromPem } from '../../identity/x509/pem.ts';
import { CellwallError } from '../../lib/errors.ts';
import { utc } from '../cause-words.ts';
import type { SvidFault } from './svid-fault.ts';

interface Led {
  readonly faults: readonly SvidFault[];
  readonly checked: readonly string[];
}

const mostNames = 5;
const mostRoots = 64;

/** `roots` absent: only whether each certificate was issued by the next. */
export function lookAtChain(
  chain: readonly X509Certificate[],
  roots: { readonly place: string; readonly pem: string } | undefined,
  now: number,
): Led {
  const faults: SvidFault[] = [];
  for (const [at, child] of chain.entries()) {
    const issuer = chain[at + 1];
    if (at > 0) faults.push(...timesOf(child, `the intermediate ${nameOf(child)}`, now));
    if (issuer === undefined || issued(issuer, child)) continue;
    // The CA comes first, or something that has nothing to do with it follows: where it leads is not to be said.
    return { faults: [...faults, { kind: 'chain-not-in-order', at: at + 1 }], checked: [] };
  }
  const last = chain.at(-1);
  if (roots === undefined || last === undefined) return { faults, checked: [] };
  let anchors: readonly X509Certificate[];
  try {
    anchors = readCertificates(roots.pem, mostRoots);
  } catch {
    const why = 'it has no certificate that can be read';
    return { faults: [...faults, { kind: 'bundle-unreadable', bundle: roots.place, why }], checked: [] };
  }
  const root = anchors.find((anchor) => anchor.raw.equals(last.raw) || issued(anchor, last));
  if (root === undefined) return { faults: [...faults, unled(chain, last, anchors)], checked: [] };
  return {
    faults: [...faults, ...timesOf(root, `the root ${nameOf(root)}`, now)],
    checked: [
      `it goes back to the root ${nameOf(root)} in ${roots.place}, which ends at ${utc(root.validToDate.getTime())}`,
    ],
  };
}

function unled(
  chain: readonly X509Certificate[],
  last: X509Certificate,
  anchors: readonly X509Certificate[],
): SvidFault {
  // By name it is one of them, by key none.
  const named = anchors.find((anchor) => last.checkIssued(anchor) || anchor.subject === last.issuer);
  if (named !== undefined) return { kind: 'root-replaced', root: nameOf(named) };
  const issuer = text(last.issuer);
  const isSelfSigned = last.issuer === last.subject;
  if (chain.length === 1 && !isSelfSigned) {
    return { kind: 'issuer-missing', issuer };
  }
  return { kind: 'other-root', issuer, roots: anchors.slice(0, mostNames).map(nameOf) };
}

function timesOf({ validFromDate, validToDate }: X509Certificate, what: string, now: number): readonly SvidFault[] {
  const [begins, ends] = [validFromDate.getTime(), validToDate.getTime()];
  if (begins > now) return [{ kind: 'not-yet', what, at: begins, inMs: begins - now }];
  return ends <= now ? [{ kind: 'ended', what, at: ends, agoMs: now - ends }] : [];
}

/** Throws for one that cannot be read, or whose dates nobody can name. */
export function readCertificates(pem: string, most: number): readonly X509Certificate[] {
  const all = fromPem(pem, 'CERTIFICATE', most).map((der) => new X509Certificate(der));
  const dates = all.flatMap(({ validFromDate, validToDate }) => [validFromDate.getTime(), validToDate.getTime()]);
  if (dates.some(Number.isNaN))
    throw new CellwallError('invalid_argument', 'a certificate in it has no date that can be read');
  return all;
}

export function issued(issuer: X509Certificate, child: X509Certificate): boolean {
  return issuer.ca && child.checkIssued(issuer) && child.verify(issuer.publicKey);
}

/** Of its subject, in one line. */
function nameOf({ subject }: X509Certificate): string {
  return text(subject);
}

function text(name: string | undefined): string {
  return name === undefined || name === '' ? 'a CA without a name' : name.split('\n').join(', ').slice(0, 200);
}
