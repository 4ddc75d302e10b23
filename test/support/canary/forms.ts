// How a secret may stand in an output, blanks and line ends aside: as it is, or as a program would write bytes. A piece of `enough` bytes
// of a form is a find.

export interface Form {
  readonly name: string;
  readonly text: Buffer;
  /** How much of it, in one piece, is no accident: 96 bits and more. */
  readonly enough: number;
}

export function formsOf(secret: Buffer): readonly Form[] {
  const hex = secret.toString('hex');
  const pairs = hex.match(/../g) ?? [];
  const forms: Form[] = [
    form('bytes', secret, 16),
    form('hex', hex, 24),
    form('hex', hex.toUpperCase(), 24),
    form('hex with colons', pairs.join(':'), 36),
    form('numbers', [...secret].join(','), 40),
    form('escaped', escaped(secret), 36),
  ];
  // Behind other bytes, base64 looks three ways.
  for (const before of [0, 1, 2]) {
    const shifted = Buffer.concat([Buffer.alloc(before), secret]);
    const from = Math.ceil((before * 8) / 6);
    const to = Math.floor((shifted.length * 8) / 6);
    const standard = shifted.toString('base64').slice(from, to);
    const url = shifted.toString('base64url').slice(from, to);
    forms.push(form('base64', standard, 20));
    if (url !== standard) forms.push(form('base64url', url, 20));
  }
  return forms;
}

/** Tokens are written as base64url of their bytes, and that text in turn may be encoded: in basic authorization, in a dump. */
export function formsOfText(secret: Buffer): readonly Form[] {
  const text = Buffer.from(secret.toString('base64url'));
  return formsOf(text).filter(({ name }) => name !== 'bytes' && name !== 'escaped');
}

/** As C and protobuf's text format write bytes. */
function escaped(bytes: Buffer): string {
  return [...bytes]
    .map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`))
    .join('');
}

function form(name: string, text: Buffer | string, enough: number): Form {
  return { name, text: Buffer.from(text), enough: Math.min(enough, text.length) };
}
