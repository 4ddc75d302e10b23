// Takes the bytes of a request apart: what is a proxy's own, and the rest, which is the same bytes for all that say the same.
import { isUtf8 } from 'node:buffer';

/** Numbers of the fields in which requests differ (`version`: 0 if there is none), and of those that are lists. */
export interface OwnFields {
  readonly node: number;
  readonly version: number;
  readonly nonce: number;
  /** Their order means nothing. */
  readonly lists: readonly number[];
  /** Which of the lists has the versions of names; 0 if none has. */
  readonly versions: number;
}

export interface Parts {
  /** Without the fields below, its lists in order. */
  readonly rest: Buffer;
  readonly node: Buffer | undefined;
  readonly nonce: Buffer | undefined;
  /** Only of an answer: what a first request says that it has is not its own, because a fleet comes back with the same. */
  readonly version: Buffer | undefined;
  /** How many versions of names it lists. */
  readonly versions: number;
}

/** Undefined for what this cannot take apart: a reader decides about it. */
export function partsOf(bytes: Uint8Array, fields: OwnFields): Parts | undefined {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = { node: nowhere, nonce: nowhere, version: nowhere };
  const lists: Field[] = [];
  const others: Field[] = [];
  let seen = 0;
  let versions = 0;
  for (let at = 0; at < whole.length; ) {
    const field = fieldAt(whole, at);
    if (field === undefined) return undefined;
    at = field.end;
    if (fields.lists.includes(field.number)) {
      lists.push(field);
      if (field.number === fields.versions) versions++;
      continue;
    }
    // Texts: the last counts; messages: they are merged.
    if ((seen & (1 << field.number)) !== 0) return undefined;
    seen |= 1 << field.number;
    const name = nameOf(field.number, fields);
    if (name === undefined) others.push(field);
    else found[name] = field;
  }
  const { node, nonce } = found;
  const answers = nonce.from !== nonce.end;
  const version = answers ? found.version : nowhere;
  // Texts that are not UTF-8 are refused.
  if (![nonce, version].every(({ from, end }) => isUtf8(whole.subarray(from, end)))) return undefined;
  if (!answers && found.version !== nowhere) others.push(found.version);
  const bytesOf = ({ start, end }: Field): Buffer => whole.subarray(start, end);
  return {
    rest: Buffer.concat([...others.map(bytesOf), inOrder(lists.map(bytesOf))]),
    node: content(whole, node),
    nonce: content(whole, nonce),
    version: content(whole, version),
    versions,
  };
}

/** Any order would do, as long as it depends on nothing but the fields. */
function inOrder(fields: readonly Buffer[]): Buffer {
  const texts = fields.map((field) => field.toString('latin1'));
  return Buffer.from(texts.sort().join(''), 'latin1');
}

/** A field with a length: it begins at `start`, its content at `from`. */
interface Field {
  readonly number: number;
  readonly start: number;
  readonly from: number;
  readonly end: number;
}

const nowhere: Field = { number: 0, start: 0, from: 0, end: 0 };

function nameOf(number: number, { node, version, nonce }: OwnFields): 'node' | 'version' | 'nonce' | undefined {
  return number === node ? 'node' : number === nonce ? 'nonce' : number === version ? 'version' : undefined;
}

/** Of the fields with a length that requests have, all of low numbers. */
function fieldAt(bytes: Buffer, start: number): Field | undefined {
  const tag = bytes[start] ?? 0;
  if ((tag & 7) !== 2 || tag >= 0x80) return undefined;
  let [length, at, factor] = [0, start + 1, 1];
  for (; ; factor *= 128) {
    const byte = bytes[at++];
    if (byte === undefined || factor > 2 ** 21) return undefined;
    length += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
  }
  const end = at + length;
  return end > bytes.length ? undefined : { number: tag >>> 3, start, from: at, end };
}

function content(bytes: Buffer, { from, end }: Field): Buffer | undefined {
  return end === 0 ? undefined : bytes.subarray(from, end);
}
