// What is wrong with an X.509-SVID that somebody has: its name, its times, its key, and what it goes back to (X509-SVID §2 to §5). Unlike
// `verifySvid`, which stops at the first fault and quotes nothing, this finds all of them and says what is there.
import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { uriSans } from '../../identity/x509/uri-sans.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { utc } from '../cause-words.ts';
import { issued, lookAtChain, readCertificates } from './look-at-chain.ts';
import { lookAtId } from './look-at-id.ts';
import type { SvidFault } from './svid-fault.ts';
import type { SvidLook } from './svid-report.ts';

/** Everything may be hostile. */
interface CertificateParts {
  readonly place: string;
  /** PEM, leaf first. */
  readonly chain: string;
  /** When the file was written, by this host's clock. Absent: it is no file. */
  readonly writtenAt?: number;
  readonly key?: { readonly place: string; readonly pem: string; readonly mode?: number };
  /** PEM. */
  readonly roots?: { readonly place: string; readonly pem: string };
  readonly trustDomain?: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

const mostCertificates = 16;

export function lookAtCertificate(parts: CertificateParts): SvidLook {
  const { place, now } = parts;
  const nothing = { place, kind: 'x509-svid', checked: [], unseen: [] } as const;
  let chain: readonly X509Certificate[];
  try {
    chain = readCertificates(parts.chain, mostCertificates);
  } catch (reason) {
    const why = reason instanceof CellwallError ? reason.message : 'a certificate in it is damaged';
    return { ...nothing, faults: [{ kind: 'no-svid-in-it', place, holds: why }] };
  }
  const [leaf] = chain;
  if (leaf === undefined) return { ...nothing, faults: [{ kind: 'no-svid-in-it', place, holds: 'it is empty' }] };
  const id = lookAtId(urisOf(leaf), parts.trustDomain);
  const led = lookAtChain(chain, parts.roots, now);
  const [notBefore, notAfter] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  const key = parts.key === undefined ? { faults: [], checked: [] } : lookAtKey(leaf, parts.key);
  return {
    place,
    kind: 'x509-svid',
    ...defined({ spiffeId: id.spiffeId }),
    notBefore,
    notAfter,
    faults: [
      ...timesOf(leaf, parts),
      ...(leaf.ca ? [notALeaf(chain)] : id.faults),
      ...key.faults,
      ...usageOf(leaf),
      ...led.faults,
    ],
    checked: [
      ...(id.spiffeId === undefined ? [] : [`it is ${id.spiffeId}, serial ${leaf.serialNumber.toLowerCase()}`]),
      ...(notBefore <= now && notAfter > now ? [`it is valid until ${utc(notAfter)} by this host's clock`] : []),
      ...key.checked,
      ...led.checked,
    ],
    unseen: [
      ...(parts.roots === undefined ? ['its chain was not looked at: give the roots with --bundle'] : []),
      ...(parts.key === undefined ? ['whether its private key is there was not looked at: give it with --key'] : []),
    ],
  };
}

function notALeaf(chain: readonly X509Certificate[]): SvidFault {
  // The workload's own is further down: all of it is there.
  const [first, second] = chain;
  return first !== undefined && second !== undefined && issued(first, second)
    ? { kind: 'chain-not-in-order', at: 1 }
    : { kind: 'not-a-leaf' };
}

/** None of a certificate that has them twice, or in letters that are none. */
function urisOf({ raw }: X509Certificate): readonly string[] {
  try {
    return uriSans(raw);
  } catch {
    return [];
  }
}

function timesOf(leaf: X509Certificate, { place, writtenAt, now }: CertificateParts): readonly SvidFault[] {
  const [begins, ends] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  // It cannot have been written before it was made, by clocks that agree.
  if (writtenAt !== undefined && writtenAt < begins) return [{ kind: 'clock-behind', place, byMs: begins - writtenAt }];
  if (begins > now) return [{ kind: 'not-yet', what: 'the certificate', at: begins, inMs: begins - now }];
  return ends <= now ? [{ kind: 'ended', what: 'the certificate', at: ends, agoMs: now - ends }] : [];
}

const [serverAuth, clientAuth] = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];

/** X509-SVID §4.4: both, where the extension is there at all. */
function usageOf({ keyUsage: usages }: X509Certificate): readonly SvidFault[] {
  if (!Array.isArray(usages)) return [];
  const missing = [
    ...(usages.includes(clientAuth) ? [] : ['clientAuth']),
    ...(usages.includes(serverAuth) ? [] : ['serverAuth']),
  ];
  return missing.length === 0
    ? []
    : [{ kind: 'usage-missing', what: `its extended key usage lacks ${missing.join(' and ')}` }];
}

function lookAtKey(
  leaf: X509Certificate,
  { place, pem, mode }: NonNullable<CertificateParts['key']>,
): { readonly faults: readonly SvidFault[]; readonly checked: readonly string[] } {
  const open: readonly SvidFault[] =
    mode !== undefined && (mode & 0o077) !== 0
      ? [{ kind: 'key-open-to-others', key: place, mode: (mode & 0o777).toString(8).padStart(4, '0') }]
      : [];
  try {
    if (!leaf.checkPrivateKey(createPrivateKey(pem)))
      return { faults: [{ kind: 'not-of-the-key', key: place }, ...open], checked: [] };
  } catch {
    // Never the reason: it may quote the key.
    const why = /ENCRYPTED/.test(pem) ? 'it has a passphrase' : 'it is no private key in PEM';
    return { faults: [{ kind: 'key-unreadable', key: place, why }, ...open], checked: [] };
  }
  return { faults: open, checked: [`its private key is the one in ${place}`] };
}
