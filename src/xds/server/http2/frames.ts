// HTTP/2's frames, and writing those that a server sends: https://www.rfc-editor.org/rfc/rfc9113#section-6
import { slab } from '../../../lib/slab.ts';

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const errorCode = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;
export type ErrorCode = (typeof errorCode)[keyof typeof errorCode];

/** Ends the whole connection; the peer is sent its code. */
export class ConnectionFault extends Error {
  override readonly name = 'ConnectionFault';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Size of a frame's header (RFC 9113 §4.1). */
export const headBytes = 9;
/** Maximum size of a payload, in both directions: what everybody has to accept, so that nothing has to be negotiated. */
export const mostPayload = 16_384;
/** The largest flow-control window (RFC 9113 §6.9.1). */
export const mostWindow = 2 ** 31 - 1;
/** Initial window of a stream, unless settings say otherwise. */
export const usualWindow = 65_535;

function head(into: Buffer, at: number, length: number, type: number, flags: number, stream: number): void {
  into[at] = length >>> 16;
  into[at + 1] = (length >>> 8) & 0xff;
  into[at + 2] = length & 0xff;
  into[at + 3] = type;
  into[at + 4] = flags;
  into.writeUInt32BE(stream, at + 5);
}

/** A whole frame. `payload` must not be longer than the peer accepts. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + payload.length);
  head(bytes, 0, payload.length, type, flags, stream);
  bytes.set(payload, headBytes);
  return bytes;
}

/** All of `data` as DATA frames, in one buffer. */
export function dataFrames(data: Uint8Array, stream: number): Buffer {
  const count = Math.max(1, Math.ceil(data.length / mostPayload));
  const bytes = slab(count * headBytes + data.length);
  let to = 0;
  for (let from = 0; from < data.length || to === 0; from += mostPayload) {
    const part = Math.min(mostPayload, data.length - from);
    head(bytes, to, part, frameType.data, 0, stream);
    bytes.set(data.length === part ? data : data.subarray(from, from + part), to + headBytes);
    to += headBytes + part;
  }
  return bytes;
}

/** A frame without flags whose payload is 32-bit numbers: RST_STREAM, WINDOW_UPDATE, GOAWAY. */
export function numbers(type: number, stream: number, ...values: readonly number[]): Buffer {
  const payload = Buffer.allocUnsafe(4 * values.length);
  for (const [index, value] of values.entries()) payload.writeUInt32BE(value, 4 * index);
  return frame(type, 0, stream, payload);
}

/** `values`: by the number of the setting. */
export function settingsFrame(values: Readonly<Record<number, number>>): Buffer {
  const entries = Object.entries(values);
  const payload = Buffer.allocUnsafe(6 * entries.length);
  for (const [index, [id, value]] of entries.entries()) {
    payload.writeUInt16BE(Number(id), 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frame(frameType.settings, 0, 0, payload);
}
