// HPACK's Huffman code: https://www.rfc-editor.org/rfc/rfc7541#appendix-B. It is canonical (codes of one length are consecutive, in the
// order of their symbols), so that the lengths define it.
import { ConnectionFault, errorCode } from './frames.ts';

/** Length in bits of the code of each byte, and of the end of a string (256). */
const lengths: readonly number[] = [
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  ...[28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  ...[6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  ...[5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  ...[13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  ...[7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  ...[6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  ...[20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  ...[24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  ...[22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  ...[21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  ...[26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  ...[19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  ...[20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  ...[26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
  30,
];
const longest = 30;
const endOfString = 256;

/** By length: the first code, and the symbols of the codes from there on. */
const codes = (() => {
  const all: { readonly first: number; readonly symbols: readonly number[] }[] = [];
  let first = 0;
  for (let length = 0; length <= longest; length++) {
    const symbols = lengths.flatMap((its, symbol) => (its === length ? [symbol] : []));
    all.push({ first, symbols });
    first = (first + symbols.length) * 2;
  }
  return all;
})();

/** Throws a ConnectionFault for bytes that no encoder writes. */
export function decodeHuffman(bytes: Uint8Array): string {
  // The shortest code has five bits.
  const text = Buffer.allocUnsafe(Math.floor((bytes.length * 8) / 5));
  let size = 0;
  let [code, length] = [0, 0];
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      length++;
      const its = codes[length];
      if (its === undefined) throw new ConnectionFault(errorCode.compression, 'no code of Huffman');
      const symbol = its.symbols[code - its.first];
      if (symbol === undefined) continue;
      if (symbol === endOfString) throw new ConnectionFault(errorCode.compression, 'an end within a string');
      text[size++] = symbol;
      [code, length] = [0, 0];
    }
  }
  // The last byte is padded with the beginning of the code of the end: ones, fewer than eight.
  if (length > 7 || code !== 2 ** length - 1) throw new ConnectionFault(errorCode.compression, 'a wrong padding');
  return text.toString('latin1', 0, size);
}
