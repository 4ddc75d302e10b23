// Contents of frames, and which frames are allowed: https://www.rfc-editor.org/rfc/rfc9113#section-6. Throws ConnectionFaults.
import { ConnectionFault, errorCode, flag, frameType, mostPayload, mostWindow, setting } from './frames.ts';

/** Throws unless a frame of this type may be there: on the connection (`stream` 0), or on a stream. */
export function checkPlace(type: number, stream: number): void {
  // Unknown types are allowed anywhere (5.5).
  if (type > frameType.continuation || type === frameType.windowUpdate) return;
  if (type === frameType.pushPromise) throw new ConnectionFault(errorCode.protocol, 'a client promises nothing');
  const ofConnection = type === frameType.settings || type === frameType.ping || type === frameType.goAway;
  if (ofConnection !== (stream === 0)) throw new ConnectionFault(errorCode.protocol, 'a frame on the wrong stream');
}

/** The payload without its padding (RFC 9113 §6.1). */
export function unpadded(flags: number, payload: Buffer): Buffer {
  if ((flags & flag.padded) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined || padding >= payload.length) {
    throw new ConnectionFault(errorCode.protocol, 'more padding than there is');
  }
  return payload.subarray(1, payload.length - padding);
}

/** The payload of HEADERS. */
export function blockOf(flags: number, payload: Buffer): Buffer {
  const its = unpadded(flags, payload);
  if ((flags & flag.priority) === 0) return its;
  if (its.length < 5) throw new ConnectionFault(errorCode.frameSize, 'a priority that is cut off');
  return its.subarray(5);
}

/** A payload that is one 32-bit number. */
export function numberOf(payload: Buffer): number {
  if (payload.length !== 4) throw new ConnectionFault(errorCode.frameSize, 'four bytes it should be');
  return payload.readUInt32BE(0);
}

/** The peer's settings that matter here: it is never sent frames larger than everybody accepts, nor headers from a table. */
export function readSettings(payload: Buffer): { readonly initialWindow: number | undefined } {
  if (payload.length % 6 !== 0) throw new ConnectionFault(errorCode.frameSize, 'settings that are cut off');
  let initialWindow: number | undefined;
  for (let at = 0; at < payload.length; at += 6) {
    const [id, value] = [payload.readUInt16BE(at), payload.readUInt32BE(at + 2)];
    if (id === setting.initialWindowSize) {
      if (value > mostWindow) throw new ConnectionFault(errorCode.flowControl, 'a window is too large');
      initialWindow = value;
    } else if (id === setting.enablePush && value > 1) {
      throw new ConnectionFault(errorCode.protocol, 'neither yes nor no');
    } else if (id === setting.maxFrameSize && (value < mostPayload || value >= 2 ** 24)) {
      throw new ConnectionFault(errorCode.protocol, 'no size of frames');
    }
  }
  return { initialWindow };
}
