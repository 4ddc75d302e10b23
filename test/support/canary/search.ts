// Looks for thousands of secrets in hundreds of megabytes: every window of eight bytes of every form is in a table, and every eighth
// byte of the text is looked up. So a piece of 15 bytes is met wherever it stands; what is met is then compared in full.
import { type Form, formsOf, formsOfText } from './forms.ts';

export interface Secret {
  readonly kind: string;
  readonly bytes: Buffer;
  /** The test file that made it. */
  readonly test?: string;
}

export interface Find {
  readonly secret: Secret;
  /** Of the form: `base64`, `hex`. */
  readonly form: string;
  readonly position: number;
  readonly end: number;
}

export interface Search {
  in(text: Buffer): readonly Find[];
}

interface Entry extends Form {
  readonly secret: Secret;
  readonly at: number;
}

const window = 8;

export function createSearch(secrets: readonly Secret[]): Search {
  const entries: Entry[] = [];
  let size = 0;
  for (const secret of secrets) {
    const forms = secret.kind.endsWith('key')
      ? formsOf(secret.bytes)
      : [...formsOf(secret.bytes), ...formsOfText(secret.bytes)];
    for (const form of forms) {
      if (form.text.length < window) continue;
      entries.push({ ...form, secret, at: size });
      size += form.text.length;
    }
  }
  const all = Buffer.concat(entries.map(({ text }) => text));
  const bits = Math.max(16, Math.ceil(Math.log2(size + 1)) + 1);
  const table = new Int32Array(2 ** bits).fill(-1);
  // A small first look: most of a text is in nobody's table, and this stays in the processor's cache.
  const filterBits = Math.min(bits + 2, 27);
  const filter = new Uint8Array(2 ** (filterBits - 3));
  const mask = table.length - 1;
  for (const { at, text } of entries) {
    for (let position = at; position <= at + text.length - window; position++) {
      const hash = hashOf(all.readInt32LE(position), all.readInt32LE(position + 4));
      const bit = hash >>> (32 - filterBits);
      filter[bit >>> 3] = (filter[bit >>> 3] ?? 0) | (1 << (bit & 7));
      let slot = hash & mask;
      while (table[slot] !== -1 && !same(all, table[slot] ?? 0, all, position)) slot = (slot + 1) & mask;
      if (table[slot] === -1) table[slot] = position;
    }
  }
  /** The entry that holds a position of `all`. */
  const entryAt = (position: number): Entry | undefined => {
    let [low, high] = [0, entries.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((entries[middle]?.at ?? 0) <= position) low = middle;
      else high = middle - 1;
    }
    return entries[low];
  };
  const findAt = (text: Buffer, position: number, hash: number): Find | undefined => {
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const known = table[slot] ?? -1;
      if (known === -1) return undefined;
      if (!same(all, known, text, position)) continue;
      const entry = entryAt(known);
      if (entry === undefined) return undefined;
      let [from, to] = [known, known + window];
      while (from > entry.at && alike(text[position - (known - from) - 1], all[from - 1])) from--;
      while (to < entry.at + entry.text.length && alike(text[position + (to - known)], all[to])) to++;
      if (to - from < entry.enough) return undefined;
      return {
        secret: entry.secret,
        form: entry.name,
        position: position - (known - from),
        end: position + to - known,
      };
    }
  };
  const scan = (text: Buffer): readonly Find[] => {
    // Aligned to four bytes, so that it can be read by words.
    const aligned = text.byteOffset % 4 === 0 ? text : Buffer.from(new Uint8Array(text).buffer);
    const words = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length >> 2);
    const finds: Find[] = [];
    let after = 0;
    for (let word = 0; word + 1 < words.length; word += 2) {
      const hash = hashOf(words[word] ?? 0, words[word + 1] ?? 0);
      const bit = hash >>> (32 - filterBits);
      if (((filter[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0 || word * 4 < after) continue;
      const find = findAt(aligned, word * 4, hash);
      if (find === undefined) continue;
      finds.push(find);
      after = find.end;
    }
    return finds;
  };
  return {
    in(text) {
      const finds = scan(text);
      const { bytes, placeOf } = squeeze(text);
      const more = scan(bytes).map((find) => ({ ...find, position: placeOf(find.position), end: placeOf(find.end) }));
      return [...finds, ...more.filter(({ secret }) => !finds.some((find) => find.secret === secret))];
    },
  };
}

/** Without blanks and line ends, which stand within keys and lists of numbers as whoever printed them liked. */
function squeeze(text: Buffer): { readonly bytes: Buffer; placeOf(position: number): number } {
  const bytes = Buffer.allocUnsafeSlow(text.length);
  // Where every 4,096th byte was.
  const places: number[] = [];
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const byte = text[index] ?? 0;
    if (byte === 32 || (byte >= 9 && byte <= 13)) continue;
    if ((length & 4095) === 0) places.push(index);
    bytes[length++] = byte;
  }
  return {
    bytes: bytes.subarray(0, length),
    placeOf(position) {
      let index = places[position >> 12] ?? 0;
      for (let rest = position & 4095; rest > 0 && index < text.length; index++) {
        const byte = text[index] ?? 0;
        if (byte !== 32 && (byte < 9 || byte > 13)) rest--;
      }
      return index;
    },
  };
}

function hashOf(low: number, high: number): number {
  let hash = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca77);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** base64 and base64url differ in two letters; a piece without them is of both. */
function alike(one: number | undefined, other: number | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && fold(one) === fold(other));
}

function fold(byte: number): number {
  return byte === 0x2d ? 0x2b : byte === 0x5f ? 0x2f : byte;
}

function same(one: Buffer, at: number, other: Buffer, otherAt: number): boolean {
  for (let index = 0; index < window; index++) if (one[at + index] !== other[otherAt + index]) return false;
  return true;
}
