// A caller's cell as the subject DN of today's certificates: base64 of the DER of a Name whose common name is the cell's. Generated from
// documents, one value per cell; nothing from a certificate or a request is used.

/** RFC 5280 §4.1.2.4: Name ::= SEQUENCE OF SET OF SEQUENCE { type, value }; X.520 id-at-commonName. */
export function subjectDn(commonName: string): string {
  const text = Buffer.from(commonName, 'utf8');
  const attribute = element(0x30, Buffer.concat([element(0x06, Buffer.from([0x55, 0x04, 0x03])), element(0x0c, text)]));
  return element(0x30, element(0x31, attribute)).toString('base64');
}

/** Names of cells are short, so that every length fits into one byte. */
function element(tag: number, content: Buffer): Buffer {
  if (content.length > 127) throw new Error(`too long for a short DER length: ${content.length}`);
  return Buffer.concat([Buffer.from([tag, content.length]), content]);
}
