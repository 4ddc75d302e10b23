// The subset of DER (X.690) that certificates and requests need here: a strict reader and a writer. The sidecar uses it for its requests,
// so that it loads no X.509 library.
import { CellwallError } from '../../lib/errors.ts';

export interface DerNode {
  readonly tag: number;
  readonly content: Buffer;
  /** Header and content. */
  readonly raw: Buffer;
}

/** Tag bytes as they are written, with the constructed bit. */
export const derTag = { boolean: 1, integer: 2, bitString: 3, octetString: 4, oid: 6, sequence: 0x30 } as const;

/** The consecutive elements in `bytes`. Definite lengths of at most four bytes and low tag numbers only (X.690 §10.1). */
export function readDer(bytes: Buffer): readonly DerNode[] {
  const nodes: DerNode[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at];
    const first = bytes[at + 1];
    if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw malformed();
    let length = first;
    let start = at + 2;
    if (first > 0x7f) {
      const size = first & 0x7f;
      if (size === 0 || size > 4 || start + size > bytes.length) throw malformed();
      length = bytes.readUIntBE(start, size);
      if (length < 0x80) throw malformed();
      start += size;
    }
    const end = start + length;
    if (end > bytes.length) throw malformed();
    nodes.push({ tag, content: bytes.subarray(start, end), raw: bytes.subarray(at, end) });
    at = end;
  }
  return nodes;
}

/** The one element in `bytes`, which must have that tag. */
export function readDerOne(bytes: Buffer, tag: number): DerNode {
  const [node, ...rest] = readDer(bytes);
  if (node === undefined || node.tag !== tag || rest.length > 0) throw malformed();
  return node;
}

/** One element. */
export function writeDer(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const size = content.length < 0x100 ? 1 : content.length < 0x10000 ? 2 : content.length < 0x1000000 ? 3 : 4;
  const length = Buffer.alloc(size);
  length.writeUIntBE(content.length, 0, size);
  return Buffer.concat([Buffer.from([tag, 0x80 | size]), length, content]);
}

function malformed(): CellwallError {
  return new CellwallError('invalid_argument', 'malformed DER', { hint: 'send a DER or PEM structure, unmodified' });
}
