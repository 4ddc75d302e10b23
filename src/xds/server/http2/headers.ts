// Reads blocks of headers (HPACK, RFC 7541), and writes the few that a gRPC server sends, none of which changes a table.
import { ConnectionFault, errorCode } from './frames.ts';
import { createHeaderCheck } from './header-check.ts';
import { createHeaderTable, type Header, sizeOf, tableBytes } from './header-table.ts';
import { decodeHuffman } from './huffman.ts';

export interface HeaderBlock {
  /** Undefined if there are more than anybody needs. */
  readonly values: ReadonlyMap<string, string> | undefined;
  readonly isRequest: boolean;
  readonly areTrailers: boolean;
}

export interface HeaderReader {
  /** Keeps the table correct, even if the headers are not acceptable. Throws a ConnectionFault. */
  read(block: Buffer): HeaderBlock;
}

/** Maximum size of a block as received, and of its headers as the protocol counts them: Envoy sends a hundredth of it. */
export const mostHeaderBytes = 16 * 1024;
const mostHeaders = 64;

/** For one connection: blocks must be read in the order in which they arrive, even unwanted ones. */
export function createHeaderReader(): HeaderReader {
  const table = createHeaderTable();
  return {
    read(block) {
      const headers = new Map<string, string>();
      const check = createHeaderCheck();
      let [count, bytes] = [0, 0];
      let at = 0;
      const integer = (bits: number): number => {
        const mask = 2 ** bits - 1;
        let value = byteAt(block, at++) & mask;
        if (value < mask) return value;
        for (let scale = 1; ; scale *= 128) {
          const byte = byteAt(block, at++);
          value += (byte & 0x7f) * scale;
          if (value > 2 ** 24) throw new ConnectionFault(errorCode.compression, 'a number that is too large');
          if (byte < 0x80) return value;
          if (scale > 2 ** 24) throw new ConnectionFault(errorCode.compression, 'a number without end');
        }
      };
      const text = (): string => {
        const squeezed = byteAt(block, at) >= 0x80;
        const length = integer(7);
        const from = at;
        at += length;
        if (at > block.length) throw new ConnectionFault(errorCode.compression, 'a text that is cut off');
        return squeezed ? decodeHuffman(block.subarray(from, at)) : block.toString('latin1', from, at);
      };
      const literal = (bits: number): Header => {
        const index = integer(bits);
        const name = index === 0 ? text() : table.get(index)[0];
        return [name, text()];
      };
      while (at < block.length) {
        const first = byteAt(block, at);
        let header: Header;
        if (first >= 0x80) header = table.get(integer(7));
        else if (first >= 0x40) {
          header = literal(6);
          table.add(header);
        } else if (first >= 0x20) {
          const size = integer(5);
          if (size > tableBytes || count > 0) throw new ConnectionFault(errorCode.compression, 'a size of the table');
          table.resize(size);
          continue;
        } else header = literal(4);
        check.see(header);
        count++;
        bytes += sizeOf(header);
        // If a name occurs twice, the first one counts.
        if (count <= mostHeaders && bytes <= mostHeaderBytes && !headers.has(header[0])) headers.set(...header);
      }
      const values = count > mostHeaders || bytes > mostHeaderBytes ? undefined : headers;
      return { values, isRequest: check.isRequest(), areTrailers: check.areTrailers() };
    },
  };
}

function byteAt(block: Buffer, at: number): number {
  const byte = block[at];
  if (byte === undefined) throw new ConnectionFault(errorCode.compression, 'a block that is cut off');
  return byte;
}

/** Each as a literal without indexing (6.2.2). */
export function headerBlock(headers: readonly Header[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.of(0), written(name), written(value)]));
}

/** ASCII, up to 16 thousand characters. */
function written(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const rest = bytes.length - 127;
  if (rest < 0) return Buffer.concat([Buffer.of(bytes.length), bytes]);
  return Buffer.concat([rest < 128 ? Buffer.of(127, rest) : Buffer.of(127, (rest & 127) | 128, rest >> 7), bytes]);
}
