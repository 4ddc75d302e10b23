// A certificate's alternative names with that of its host, which the X.509 library of the tests cannot write: RFC 5280 §4.2.1.6.
import { Extension, type SubjectAlternativeNameExtension } from '@peculiar/x509';
import { derTag, readDerOne, writeDer } from '../../src/identity/x509/der.ts';

/** `nodeKey`: 64 hexadecimal digits; absent: as it is. */
export function withHostName(names: SubjectAlternativeNameExtension, nodeKey: string | undefined): Extension {
  if (nodeKey === undefined) return names;
  // otherName 2.25.815473625.1 with a UTF8String of 64 bytes.
  const host = Buffer.concat([Buffer.from('a04d0607698384ecc75901a0420c40', 'hex'), Buffer.from(nodeKey)]);
  const listed = readDerOne(Buffer.from(names.value), derTag.sequence).content;
  return new Extension(names.type, names.critical, writeDer(derTag.sequence, listed, host));
}
