// A certificate exactly as in X509-SVID (https://spiffe.io/docs/latest/spiffe-specs/x509-svid/), as DER written around one signature. It
// has only this one shape; tests compare it with what @peculiar/x509 writes, and OpenSSL and Go read.
import { type KeyObject, sign } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { derTag, writeDer } from './der.ts';
import { createDerWriter, type DerWriter } from './der-writer.ts';
import { keyIdOf } from './key-id.ts';
import { nodeKeyExtension, nodeKeyName } from './node-key-extension.ts';

/** Who signs, as the signed certificate names it. */
export interface CertificateIssuer {
  /** DER: the subject of its own certificate, byte for byte (RFC 5280 §6.1.3). */
  readonly subject: Uint8Array;
  /** Its subjectKeyIdentifier. */
  readonly keyId: Uint8Array;
}

export interface CertificateContent {
  /** Absent: its own subject. */
  readonly issuer?: CertificateIssuer | undefined;
  /** Hex, positive. */
  readonly serial: string;
  /** In whole seconds: fractions are dropped. */
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly uri: string;
  readonly dnsNames?: readonly string[] | undefined;
  readonly commonName?: string | undefined;
  /** The host that it belongs to: an extension and a name (node-key-extension.ts). */
  readonly nodeKey?: string | undefined;
  /** CA:TRUE, with this path length if given. */
  readonly ca?: { readonly pathLength?: number } | undefined;
}

const fixed = (hex: string): Buffer => Buffer.from(hex, 'hex');
const version3 = fixed('a003020102');
/** ecdsa-with-SHA256, without parameters (RFC 5758 §3.2). */
const algorithm = fixed('300a06082a8648ce3d040302');
const noBits = fixed('00');
const critical = fixed('0101ff');
const commonNameOid = fixed('0603550403');
const keyIdOid = fixed('0603551d0e');
const issuerKeyIdOid = fixed('0603551d23');
const namesOid = fixed('0603551d11');
const nobody = writeDer(derTag.sequence);
const organization = writeDer(
  0x31,
  writeDer(derTag.sequence, fixed('060355040a'), writeDer(0x13, Buffer.from('Cellwall'))),
);
// X509-SVID §4.1: only signing certificates are CAs. §4.3: key usage is critical; a leaf's is digitalSignature only.
const leafLimits = fixed('300c0603551d130101ff04023000300e0603551d0f0101ff040403020780');
/** keyCertSign, cRLSign. */
const caUsage = fixed('300e0603551d0f0101ff040403020106');
/** X509-SVID §4.4: serverAuth and clientAuth, because every workload is both. */
const leafPurposes = fixed('301d0603551d250416301406082b0601050507030106082b06010505070302');
/** More than the total of what has the same length in each. */
const fixedBytes = 640;
const tag = { utf8: 0x0c, printable: 0x13, set: 0x31, utcTime: 0x17, generalizedTime: 0x18 } as const;

/** DER. `signingKey`: P-256. */
export function writeCertificate(content: CertificateContent, signingKey: KeyObject): Buffer {
  const body = certificateBody(content);
  return signedCertificate(body, sign('sha256', body, signingKey));
}

/** DER. `body`: of `certificateBody`; `signature`: by a P-256 key over its SHA-256, DER (RFC 3279 §2.2.3). */
export function signedCertificate(body: Uint8Array, signature: Uint8Array): Buffer {
  const writer = createDerWriter(body.length + signature.length + 64);
  const end = writer.mark();
  writer.put(signature);
  writer.put(noBits);
  writer.wrap(derTag.bitString, end);
  writer.put(algorithm);
  writer.put(body);
  writer.wrap(derTag.sequence, end);
  return writer.bytes();
}

/** What is signed: TBSCertificate (RFC 5280 §4.1), written from its end to its beginning. */
export function certificateBody(content: CertificateContent): Buffer {
  const { issuer, serial, notBefore, notAfter, spki, uri, dnsNames = [], commonName, nodeKey, ca } = content;
  const names = [ascii(uri), ...dnsNames.map(ascii)];
  const size = names.reduce((sum, name) => sum + name.length + 8, fixedBytes);
  const subject = nameOf(commonName);
  const issuerName = issuer?.subject ?? subject;
  const keyId = keyIdOf(spki);
  const issuerKeyId = issuer?.keyId ?? keyId;
  const variable = spki.length + subject.length + issuerName.length + issuerKeyId.length;
  const writer = createDerWriter(size + variable);
  const end = writer.mark();
  if (nodeKey !== undefined) writer.put(nodeKeyExtension(nodeKey));
  if (ca === undefined) writer.put(leafPurposes);
  // RFC 5280 §4.2.1.6: critical exactly when the subject is empty.
  writeExtension(writer, namesOid, commonName === undefined, () => writeNames(writer, names, nodeKey));
  writeExtension(writer, issuerKeyIdOid, false, () => writeTagged(writer, derTag.sequence, 0x80, issuerKeyId));
  writeExtension(writer, keyIdOid, false, () => writePrimitive(writer, derTag.octetString, keyId));
  writer.put(ca === undefined ? leafLimits : caLimits(ca));
  writer.wrap(derTag.sequence, end);
  writer.wrap(0xa3, end);
  writer.put(spki);
  writer.put(subject);
  const validity = writer.mark();
  writeTime(writer, notAfter);
  writeTime(writer, notBefore);
  writer.wrap(derTag.sequence, validity);
  writer.put(issuerName);
  writer.put(algorithm);
  writePrimitive(writer, derTag.integer, Buffer.from(serial, 'hex'));
  writer.put(version3);
  writer.wrap(derTag.sequence, end);
  return writer.bytes();
}

function writePrimitive(writer: DerWriter, as: number, bytes: Uint8Array): void {
  const end = writer.mark();
  writer.put(bytes);
  writer.wrap(as, end);
}

function writeTagged(writer: DerWriter, outer: number, inner: number, bytes: Uint8Array): void {
  const end = writer.mark();
  writePrimitive(writer, inner, bytes);
  writer.wrap(outer, end);
}

function writeExtension(writer: DerWriter, oid: Uint8Array, isCritical: boolean, value: () => void): void {
  const end = writer.mark();
  value();
  writer.wrap(derTag.octetString, end);
  if (isCritical) writer.put(critical);
  writer.put(oid);
  writer.wrap(derTag.sequence, end);
}

/** A URI, DNS names, then the host's. */
function writeNames(writer: DerWriter, names: readonly Uint8Array[], nodeKey: string | undefined): void {
  const end = writer.mark();
  if (nodeKey !== undefined) writer.put(nodeKeyName(nodeKey));
  for (let at = names.length - 1; at >= 0; at -= 1) writePrimitive(writer, at === 0 ? 0x86 : 0x82, names[at] ?? noBits);
  writer.wrap(derTag.sequence, end);
}

/** RFC 5280 §4.1.2.5: UTCTime through the year 2049, GeneralizedTime from then on. */
function writeTime(writer: DerWriter, time: Date): void {
  const year = time.getUTCFullYear();
  const pairs = [
    time.getUTCMonth() + 1,
    time.getUTCDate(),
    time.getUTCHours(),
    time.getUTCMinutes(),
    time.getUTCSeconds(),
  ];
  if (!(year >= 0 && year <= 9999))
    throw new CellwallError('invalid_argument', 'a certificate would have a date that cannot be written');
  const short = year >= 1950 && year < 2050;
  const all = short ? [year % 100, ...pairs] : [Math.floor(year / 100), year % 100, ...pairs];
  const digits = Buffer.allocUnsafe(all.length * 2 + 1);
  digits[all.length * 2] = 0x5a;
  all.forEach((pair, at) => {
    digits[at * 2] = 0x30 + Math.floor(pair / 10);
    digits[at * 2 + 1] = 0x30 + (pair % 10);
  });
  writePrimitive(writer, short ? tag.utcTime : tag.generalizedTime, digits);
}

function nameOf(commonName: string | undefined): Buffer {
  if (commonName === undefined) return nobody;
  const as = /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(commonName) ? tag.printable : tag.utf8;
  const value = writeDer(derTag.sequence, commonNameOid, writeDer(as, Buffer.from(commonName, 'utf8')));
  return writeDer(derTag.sequence, organization, writeDer(tag.set, value));
}

/** basicConstraints and keyUsage, both critical. */
function caLimits({ pathLength }: { readonly pathLength?: number }): Buffer {
  const length = pathLength === undefined ? [] : [writeDer(derTag.integer, Buffer.from([pathLength]))];
  const value = writeDer(derTag.sequence, critical, ...length);
  const basic = writeDer(derTag.sequence, fixed('0603551d13'), critical, writeDer(derTag.octetString, value));
  return Buffer.concat([basic, caUsage]);
}

/** IA5String (RFC 5280 §4.2.1.6), without what no name has. */
function ascii(name: string): Buffer {
  if (/^[\x21-\x7e]+$/.test(name)) return Buffer.from(name, 'latin1');
  throw new CellwallError('invalid_argument', 'a certificate would have a name that is not printable ASCII');
}
