// The URI SANs of a certificate, read from its DER. Not from X509Certificate#subjectAltName: that is a single text in which a hostile name
// can imitate a separator (CVE-2021-44532).
import { CellwallError } from '../../lib/errors.ts';
import { derTag, readDer, readDerOne } from './der.ts';

const subjectAltName = Buffer.from([0x55, 0x1d, 0x11]);
const extensionsTag = 0xa3;
const uriTag = 0x86;

/** Every URI SAN, in order; a name that is not ASCII, or a second SAN extension, is refused (RFC 5280 §4.2, §4.2.1.6). */
export function uriSans(certificate: Uint8Array): readonly string[] {
  const [tbs] = readDer(readDerOne(Buffer.from(certificate), derTag.sequence).content);
  const wrapped = tbs === undefined ? undefined : readDer(tbs.content).find(({ tag }) => tag === extensionsTag);
  if (wrapped === undefined) return [];
  const values: Buffer[] = [];
  for (const extension of readDer(readDerOne(wrapped.content, derTag.sequence).content)) {
    const parts = readDer(extension.content);
    if (parts[0]?.tag === derTag.oid && parts[0].content.equals(subjectAltName)) {
      const value = parts.at(-1);
      if (value?.tag !== derTag.octetString) throw refused('a malformed subjectAltName');
      values.push(value.content);
    }
  }
  if (values.length > 1) throw refused('two subjectAltName extensions');
  const names = values[0] === undefined ? [] : readDer(readDerOne(values[0], derTag.sequence).content);
  return names
    .filter(({ tag }) => tag === uriTag)
    .map(({ content }) => {
      if (content.some((byte) => byte < 0x21 || byte > 0x7e)) throw refused('a URI SAN that is not printable ASCII');
      return content.toString('latin1');
    });
}

function refused(what: string): CellwallError {
  return new CellwallError('invalid_argument', `the certificate has ${what}`);
}
