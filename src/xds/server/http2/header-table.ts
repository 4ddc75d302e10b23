// HPACK's tables: the static one, and a dynamic one for each connection. https://www.rfc-editor.org/rfc/rfc7541#section-2.3
import { ConnectionFault, errorCode } from './frames.ts';

export type Header = readonly [name: string, value: string];

/** Appendix A. */
const fixed: readonly Header[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((status): Header => [':status', status]),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...[
    ...['accept-language', 'accept-ranges', 'accept', 'access-control-allow-origin', 'age', 'allow', 'authorization'],
    ...['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-length'],
    ...['content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag', 'expect', 'expires', 'from'],
    ...['host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'last-modified'],
    ...['link', 'location', 'max-forwards', 'proxy-authenticate', 'proxy-authorization', 'range', 'referer', 'refresh'],
    ...['retry-after', 'server', 'set-cookie', 'strict-transport-security', 'transfer-encoding', 'user-agent', 'vary'],
    ...['via', 'www-authenticate'],
  ].map((name): Header => [name, '']),
];
/** Size of an entry in addition to its characters (4.1). */
const entryBytes = 32;

/** The size on both sides unless they agree on another one, which nobody requests here. */
export const tableBytes = 4096;

export interface HeaderTable {
  /** Throws a ConnectionFault if there is no such entry. */
  get(index: number): Header;
  add(header: Header): void;
  /** At most `tableBytes`. */
  resize(bytes: number): void;
}

/** As RFC 7541 §4.1 counts it. */
export function sizeOf([name, value]: Header): number {
  return name.length + value.length + entryBytes;
}

/** For one connection and one direction. */
export function createHeaderTable(): HeaderTable {
  /** Oldest first. */
  const entries: Header[] = [];
  let [bytes, most] = [0, tableBytes];
  const shrink = (to: number): void => {
    while (bytes > to) {
      const oldest = entries.shift();
      if (oldest === undefined) return;
      bytes -= sizeOf(oldest);
    }
  };
  return {
    get(index) {
      const found = index <= fixed.length ? fixed[index - 1] : entries[entries.length - (index - fixed.length)];
      if (found === undefined) throw new ConnectionFault(errorCode.compression, 'no such entry of the table');
      return found;
    },
    add(header) {
      const size = sizeOf(header);
      shrink(most - size);
      // One that is larger than the table empties it (4.4).
      if (size > most) return;
      entries.push(header);
      bytes += size;
    },
    resize(to) {
      most = to;
      shrink(to);
    },
  };
}
