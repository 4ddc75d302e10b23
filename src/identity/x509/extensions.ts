// The extensions of a certificate, read from its DER (RFC 5280 §4.2), and what those of a CA say about what it may sign.
import { CellwallError } from '../../lib/errors.ts';
import { derTag, readDer, readDerOne } from './der.ts';

const basicConstraints = '551d13';
const keyUsage = '551d0f';
const keyCertSign = 0x04;

/** Values by OID (hex). A second one with the same OID is refused. */
export function extensionsOf(certificate: Uint8Array): ReadonlyMap<string, Buffer> {
  const [tbs] = readDer(readDerOne(Buffer.from(certificate), derTag.sequence).content);
  const wrapped = tbs === undefined ? undefined : readDer(tbs.content).find(({ tag }) => tag === 0xa3);
  const found = new Map<string, Buffer>();
  if (wrapped === undefined) return found;
  for (const { content } of readDer(readDerOne(wrapped.content, derTag.sequence).content)) {
    const parts = readDer(content);
    const [id, value] = [parts[0], parts.at(-1)];
    const name = id?.tag === derTag.oid ? id.content.toString('hex') : undefined;
    if (name === undefined || value?.tag !== derTag.octetString || found.has(name)) {
      throw new CellwallError('invalid_argument', 'the certificate has malformed extensions');
    }
    found.set(name, value.content);
  }
  return found;
}

export interface CaLimits {
  /** How many intermediates may follow it; undefined: any number. */
  readonly pathLength: number | undefined;
  /** Its key usage has keyCertSign, or it has none. */
  readonly signs: boolean;
}

/** Of a certificate in DER. Throws if it is malformed. */
export function caLimits(certificate: Uint8Array): CaLimits {
  const extensions = extensionsOf(certificate);
  const usage = extensions.get(keyUsage);
  const bits = usage === undefined ? undefined : readDerOne(usage, derTag.bitString).content;
  const basic = extensions.get(basicConstraints);
  const parts = basic === undefined ? [] : readDer(readDerOne(basic, derTag.sequence).content);
  const length = parts.find(({ tag }) => tag === derTag.integer)?.content;
  return {
    pathLength: length === undefined ? undefined : Number.parseInt(length.toString('hex') || '0', 16),
    // The first octet of a BIT STRING counts unused bits.
    signs: bits === undefined || ((bits[1] ?? 0) & keyCertSign) !== 0,
  };
}
