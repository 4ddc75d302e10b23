// When the certificates of the CA end, and those of CAs that documents name.
import { X509Certificate } from 'node:crypto';
import type { CaAnswer } from '../admin/wire-ca.ts';
import type { ForeignRoots } from '../control/bundles.ts';
import type { OpenAuthority } from '../identity/open-authority.ts';
import { fromPem } from '../identity/x509/pem.ts';
import type { Countdown } from '../lib/countdown.ts';
import type { MeshIr } from '../policy/ir.ts';

export function caCountdowns(
  { signer }: Pick<OpenAuthority, 'signer'>,
  { roots, intermediate }: Pick<CaAnswer, 'roots' | 'intermediate'>,
  mesh: MeshIr | undefined,
  foreign: ForeignRoots,
): readonly Countdown[] {
  const own = roots.map(({ name, state, notBefore, notAfter }): Countdown => {
    return { kind: state === 'extra' ? 'extra' : 'root', name, notBefore, notAfter };
  });
  const signs = { kind: 'intermediate', name: intermediate.root, ...soonest(signer.issuer().chain) } as const;
  return [signs, ...own, ...legacyOf(mesh), ...foreignOf(mesh, foreign)];
}

function legacyOf(mesh: MeshIr | undefined): readonly Countdown[] {
  return [...(mesh?.legacyAuthorities.values() ?? [])].map(({ name, certificates }) => {
    return { kind: 'legacy', name, ...soonest(certificates) };
  });
}

/** Of those in force of each trust domain, the one that ends first. */
function foreignOf(mesh: MeshIr | undefined, roots: ForeignRoots): readonly Countdown[] {
  return [...(mesh?.trustBundles?.values() ?? [])].flatMap((source): readonly Countdown[] => {
    const pem = roots(source).join('\n');
    return pem === '' ? [] : [{ kind: 'foreign', name: source.trustDomain, ...soonest(pem) }];
  });
}

/** Of several certificates, the one that ends first. PEM. */
function soonest(pem: string): Pick<Countdown, 'notBefore' | 'notAfter'> {
  const all = fromPem(pem, 'CERTIFICATE').map((der) => {
    const { validFromDate, validToDate } = new X509Certificate(der);
    return { notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() };
  });
  const [first = { notBefore: 0, notAfter: 0 }] = all.toSorted((a, b) => a.notAfter - b.notAfter);
  return first;
}
