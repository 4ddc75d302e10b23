// A foreign CA as a trust anchor that cannot vouch for our identities: the same name and key, in a certificate whose name
// constraints exclude URIs of our trust domain (RFC 5280 §4.2.1.10). Nobody signs it, least of all our root, which must not vouch for a
// foreign CA in any way: what stands in place of a signature, and of the serial, follows from the content, so that every control plane
// makes the same bytes.
import { createHash, X509Certificate } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { derTag, readDer, readDerOne, writeDer } from '../x509/der.ts';
import { extensionsOf } from '../x509/extensions.ts';
import { toPem } from '../x509/pem.ts';

const oid = {
  ecdsaWithSha256: Buffer.from('2a8648ce3d040302', 'hex'),
  commonName: Buffer.from('550403', 'hex'),
  subjectKeyIdentifier: Buffer.from('551d0e', 'hex'),
  keyUsage: Buffer.from('551d0f', 'hex'),
  extendedKeyUsage: Buffer.from('551d25', 'hex'),
  basicConstraints: Buffer.from('551d13', 'hex'),
  nameConstraints: Buffer.from('551d1e', 'hex'),
};
const signatureAlgorithm = writeDer(derTag.sequence, writeDer(derTag.oid, oid.ecdsaWithSha256));
const yes = writeDer(derTag.boolean, Buffer.from([0xff]));
const keyCertSign = writeDer(derTag.bitString, Buffer.from([2, 0x04]));

/**
 * PEM of one trust anchor. Envoy verifies partial chains, so the anchor's own signature is not checked (docs/legacy-authorities.md).
 */
export function constrainCa(foreign: Buffer, trustDomain: string): string {
  const certificate = new X509Certificate(foreign);
  if (!certificate.ca) {
    throw new CellwallError('invalid_argument', 'a legacy authority is not a CA certificate', {
      hint: 'name the CA (basicConstraints CA:TRUE), not a certificate that it signed',
    });
  }
  const [tbs] = readDer(readDerOne(foreign, derTag.sequence).content);
  const fields = tbs === undefined ? [] : readDer(tbs.content);
  // version [0], serial, algorithm, issuer, validity, subject, key: a version 3 CA certificate has all of them.
  const [, , , , validity, subject, spki] = fields;
  if (validity === undefined || subject === undefined || spki === undefined) throw malformed();
  const extensions = extensionsOf(foreign);
  const basic = extensions.get(oid.basicConstraints.toString('hex'));
  const copied = [oid.subjectKeyIdentifier, oid.extendedKeyUsage].flatMap((id) => {
    const value = extensions.get(id.toString('hex'));
    return value === undefined ? [] : [extension(id, value, false)];
  });
  const own = [
    extension(oid.basicConstraints, basic ?? writeDer(derTag.sequence, yes), true),
    extension(oid.keyUsage, keyCertSign, true),
    extension(oid.nameConstraints, exclude(trustDomain, extensions.get(oid.nameConstraints.toString('hex'))), true),
    ...copied,
  ];
  const body = writeDer(
    derTag.sequence,
    writeDer(0xa0, writeDer(derTag.integer, Buffer.from([2]))),
    madeUp('serial', foreign, trustDomain),
    signatureAlgorithm,
    commonName(`Cellwall constraint ${createHash('sha256').update(foreign).digest('hex').slice(0, 16)}`),
    validity.raw,
    subject.raw,
    spki.raw,
    writeDer(0xa3, writeDer(derTag.sequence, ...own)),
  );
  // In the form of an ECDSA signature: two numbers.
  const numbers = ['r', 's'].map((name) => madeUp(name, body, trustDomain));
  const signature = writeDer(derTag.bitString, Buffer.from([0]), writeDer(derTag.sequence, ...numbers));
  return toPem(writeDer(derTag.sequence, body, signatureAlgorithm, signature), 'CERTIFICATE');
}

/** A positive number of 128 bits, always the same for the same content. */
function madeUp(name: string, content: Buffer, trustDomain: string): Buffer {
  const digest = createHash('sha256').update(`${name} ${trustDomain} `).update(content).digest();
  return writeDer(derTag.integer, Buffer.from([1]), digest.subarray(0, 16));
}

function commonName(text: string): Buffer {
  const value = writeDer(0x0c, Buffer.from(text));
  return writeDer(
    derTag.sequence,
    writeDer(0x31, writeDer(derTag.sequence, writeDer(derTag.oid, oid.commonName), value)),
  );
}

/** NameConstraints: those of the foreign CA, and our trust domain (the host of its URIs, and hosts below it) excluded. */
function exclude(trustDomain: string, existing: Buffer | undefined): Buffer {
  const parts = existing === undefined ? [] : readDer(readDerOne(existing, derTag.sequence).content);
  const permitted = parts.find(({ tag }) => tag === 0xa0);
  const excluded = parts.find(({ tag }) => tag === 0xa1);
  const hosts = [trustDomain, `.${trustDomain}`].map((host) =>
    writeDer(derTag.sequence, writeDer(0x86, Buffer.from(host))),
  );
  return writeDer(
    derTag.sequence,
    permitted?.raw ?? Buffer.alloc(0),
    writeDer(0xa1, excluded?.content ?? Buffer.alloc(0), ...hosts),
  );
}

function extension(id: Buffer, value: Buffer, critical: boolean): Buffer {
  const flag = critical ? yes : Buffer.alloc(0);
  return writeDer(derTag.sequence, writeDer(derTag.oid, id), flag, writeDer(derTag.octetString, value));
}

function malformed(): CellwallError {
  return new CellwallError('invalid_argument', 'a legacy authority is no X.509 certificate of version 3');
}
