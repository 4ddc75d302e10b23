// HTTP/2 frames by hand (RFC 9113), for callers that send what no library would, in the order that they choose, and for many of them:
// header blocks are literals that change no table, so that nothing has to be decoded.

export const frameType = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
export const endStream = 0x1;
export const ack = 0x1;
export const endHeaders = 0x4;
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function http2Frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const frame = Buffer.allocUnsafe(9 + payload.length);
  frame.writeUIntBE(payload.length, 0, 3);
  frame.writeUInt8(type, 3);
  frame.writeUInt8(flags, 4);
  frame.writeUInt32BE(stream, 5);
  frame.set(payload, 9);
  return frame;
}

/** Takes bytes as they come; calls with each whole frame. */
export function frameReader(take: (frame: Frame) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + 9 <= bytes.length) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      take({
        type: bytes.readUInt8(at + 3),
        flags: bytes.readUInt8(at + 4),
        stream: bytes.readUInt32BE(at + 5) & 0x7fffffff,
        payload: bytes.subarray(at + 9, end),
      });
      at = end;
    }
    rest = bytes.subarray(at);
  };
}

/** Literals that are not to be indexed (RFC 7541, 6.2.2), without Huffman. */
export function headerBlock(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  // RFC 7541, 5.1; as many as two more bytes hold.
  const rest = bytes.length - 127;
  if (rest > 16_383) throw new Error('a header of over 16 kB');
  return Buffer.concat([Buffer.from(rest < 128 ? [127, rest] : [127, (rest & 127) | 128, rest >> 7]), bytes]);
}

/** SETTINGS (6.5) by identifier. */
export function settings(values: Readonly<Record<number, number>>): Buffer {
  const entries = Object.entries(values);
  const payload = Buffer.alloc(entries.length * 6);
  entries.forEach(([id, value], index) => {
    payload.writeUInt16BE(Number(id), index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return http2Frame(frameType.settings, 0, 0, payload);
}

export function windowUpdate(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return http2Frame(frameType.windowUpdate, 0, stream, payload);
}
