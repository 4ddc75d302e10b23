// Serial number and validity of a certificate, read from its DER (RFC 5280 §4.1.2): an X509Certificate for each connection would cost
// several times as much.
import { CellwallError } from '../../lib/errors.ts';
import { type DerNode, derTag, readDer, readDerOne } from './der.ts';

export interface SerialAndDates {
  /** Hex, as X509Certificate has it, in lower case. */
  readonly serial: string;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
}

const [utcTime, generalizedTime] = [0x17, 0x18];

/** Throws `invalid_argument` for what is no certificate of version 3, or has dates that RFC 5280 §4.1.2.5 does not allow. */
export function serialAndDatesOf(certificate: Uint8Array): SerialAndDates {
  const [tbs] = readDer(readDerOne(Buffer.from(certificate), derTag.sequence).content);
  // version [0], serial, algorithm, issuer, validity
  const [version, serial, , , validity] = tbs === undefined ? [] : readDer(tbs.content);
  const [notBefore, notAfter, ...others] = validity?.tag === derTag.sequence ? readDer(validity.content) : [];
  if (version?.tag !== 0xa0 || serial?.tag !== derTag.integer || others.length > 0) throw refused('a malformed body');
  return {
    serial: serial.content.toString('hex').replace(/^(00)+(?=..)/, ''),
    notBefore: timeOf(notBefore),
    notAfter: timeOf(notAfter),
  };
}

function timeOf(node: DerNode | undefined): number {
  const text = node?.content.toString('latin1') ?? '';
  const [pattern, digits] =
    node?.tag === generalizedTime ? [/^\d{14}Z$/, text] : [/^\d{12}Z$/, `${century(text)}${text}`];
  if ((node?.tag !== utcTime && node?.tag !== generalizedTime) || !pattern.test(text))
    throw refused('a malformed date');
  const at = (from: number, length = 2): number => Number(digits.slice(from, from + length));
  const time = new Date(0);
  time.setUTCFullYear(at(0, 4), at(4) - 1, at(6));
  time.setUTCHours(at(8), at(10), at(12));
  const isSame = time.getUTCMonth() === at(4) - 1 && time.getUTCDate() === at(6) && time.getUTCSeconds() === at(12);
  if (!isSame || time.getUTCHours() !== at(8) || time.getUTCMinutes() !== at(10))
    throw refused('a date that does not exist');
  return time.getTime();
}

/** RFC 5280 §4.1.2.5.1: from 50 on, a year of two digits is of the 20th century. */
function century(text: string): string {
  return Number(text.slice(0, 2)) >= 50 ? '19' : '20';
}

function refused(what: string): CellwallError {
  return new CellwallError('invalid_argument', `the certificate has ${what}`);
}
