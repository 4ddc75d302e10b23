// A server's side of one HTTP/2 connection (RFC 9113): what frames mean, and what a peer may do with them. A frame costs the peer bytes, or
// counts towards a limit per second; anything that no peer does by mistake ends the connection.
import type { Socket } from 'node:net';
import { createFrameReader } from './frame-reader.ts';
import {
  ConnectionFault,
  type ErrorCode,
  errorCode,
  flag,
  frame,
  frameType,
  mostWindow,
  numbers,
  setting,
  settingsFrame,
  usualWindow,
} from './frames.ts';
import { createHeaderReader, type HeaderBlock, mostHeaderBytes } from './headers.ts';
import { connectionWindow, createInbox } from './inbox.ts';
import { createOutbox } from './outbox.ts';
import { blockOf, checkPlace, numberOf, readSettings, unpadded } from './payloads.ts';
import { createResetStreams } from './reset-streams.ts';
import { createSocketWriter } from './socket-writer.ts';
import { createStream, type Http2Stream, type OpenStream, type StreamHandler } from './stream.ts';

export interface ConnectionOptions {
  readonly socket: Socket;
  /** A new stream; `headers` is undefined if there are too many. */
  readonly open: (stream: Http2Stream, headers: ReadonlyMap<string, string> | undefined) => StreamHandler | undefined;
  /** Asked before each stream; false ends the connection. */
  readonly admit: () => boolean;
  /** Maximum number of concurrent streams. */
  readonly most: number;
  /** `dataFrames`, or a version of it that remembers its results. */
  readonly framed: (bytes: Buffer, stream: number) => Buffer;
  readonly now: () => number;
}

export interface Connection {
  /** How many streams there are, and since when there is none. */
  readonly streams: () => number;
  readonly idleSince: () => number;
  /** Called every now and then: closes streams that the peer does not end, and resets the counts of frames. */
  look(): void;
  /** Sends a ping, to find out whether the peer is still there. */
  ping(): void;
  /** When that was; undefined once the peer has answered. */
  readonly askedAt: () => number | undefined;
  /** Accepts no new stream; closes once there is none left. */
  goAway(): void;
  /** Closes it at once. */
  end(code: ErrorCode): void;
}

/** Between two calls of `look`: pings and settings, and frames beyond what their bytes pay for. */
const [mostChatter, mostFrames, frameBytes] = [100, 2000, 64];
const mostSettings = 32;
const mostContinuations = 16;
/** How long a peer may take to close its side, of a stream and of the connection. */
const lingerMs = 1000;
/** How long it may go on sending to a connection that was ended at once, to nobody. */
const endMs = 200;

const hello = Buffer.concat([
  settingsFrame({ [setting.maxConcurrentStreams]: 256, [setting.maxHeaderListSize]: mostHeaderBytes }),
  numbers(frameType.windowUpdate, 0, connectionWindow - usualWindow),
]);
const settingsTaken = frame(frameType.settings, flag.ack, 0, Buffer.alloc(0));
const pingFrame = frame(frameType.ping, 0, 0, Buffer.from('cellwall'));

/** Reads from the socket at once. A fault of the peer ends the connection with GOAWAY; nothing is thrown. */
export function createConnection({ socket, open, admit, most, framed, now }: ConnectionOptions): Connection {
  const streams = new Map<number, OpenStream>();
  const headers = createHeaderReader();
  const writer = createSocketWriter(socket);
  const { write } = writer;
  const outbox = createOutbox(writer, framed);
  const inbox = createInbox(write);
  /** Headers whose block is continued in the next frame. */
  let block: { readonly stream: number; readonly flags: number; parts: Buffer[]; size: number } | undefined;
  let [lastStream, chatter, frames, paid] = [0, 0, 0, 0];
  let [settled, leaving, over] = [false, false, false];
  let idleSince = now();
  let askedAt: number | undefined;

  const fault = (code: ErrorCode, message: string): never => {
    throw new ConnectionFault(code, message);
  };
  const resets = createResetStreams();
  const known = (id: number): OpenStream | undefined => {
    const stream = streams.get(id);
    if (stream === undefined && (id > lastStream || id % 2 === 0)) fault(errorCode.protocol, 'no such stream');
    return stream;
  };
  const gone = (id: number, wasReset: boolean): void => {
    streams.delete(id);
    if (wasReset) resets.add(id);
    if (streams.size > 0) return;
    idleSince = now();
    if (leaving && !over) close();
  };
  const close = (): void => {
    writer.end();
    setTimeout(() => socket.destroy(), lingerMs).unref();
  };
  const peerLeaves = (): void => {
    leaving = true;
    if (streams.size === 0) close();
  };
  const end = (code: ErrorCode): void => {
    if (over) return;
    over = true;
    if (socket.destroyed) return;
    // To be destroyed while bytes wait to be read would take from the peer what was said to it.
    setTimeout(() => socket.destroy(), endMs).unref();
    writer.end(numbers(frameType.goAway, 0, lastStream, code));
  };

  const begin = (id: number, endStream: boolean, { values, isRequest }: HeaderBlock): void => {
    lastStream = id;
    if (!admit()) fault(errorCode.enhanceYourCalm, 'too many streams');
    const isRefused = leaving || streams.size >= most;
    if (isRefused || !isRequest) {
      write(numbers(frameType.reset, id, isRefused ? errorCode.refusedStream : errorCode.protocol));
      resets.add(id);
      return;
    }
    const stream = createStream({ id, outbox, inbox, now, gone });
    streams.set(id, stream);
    stream.begin(open(stream, values), endStream);
  };
  const headersCame = (id: number, flags: number, bytes: Buffer): void => {
    const its = headers.read(bytes);
    const endStream = (flags & flag.endStream) !== 0;
    const stream = streams.get(id);
    if (stream !== undefined) stream.trailers(endStream && its.areTrailers);
    else if (id > lastStream) begin(id, endStream, its);
    else resets.check(id);
  };
  const onHeaders = (id: number, flags: number, payload: Buffer): void => {
    if (id % 2 === 0) fault(errorCode.protocol, 'no stream of a client');
    const its = blockOf(flags, payload);
    if ((flags & flag.endHeaders) !== 0) headersCame(id, flags, its);
    else block = { stream: id, flags, parts: [Buffer.from(its)], size: its.length };
  };
  const onContinuation = (flags: number, payload: Buffer): void => {
    if (block === undefined) throw new ConnectionFault(errorCode.protocol, 'nothing to go on with');
    block.parts.push(Buffer.from(payload));
    block.size += payload.length;
    if (block.size > mostHeaderBytes || block.parts.length > mostContinuations) {
      fault(errorCode.enhanceYourCalm, 'headers without end');
    }
    if ((flags & flag.endHeaders) === 0) return;
    const { stream, flags: its, parts } = block;
    block = undefined;
    headersCame(stream, its, Buffer.concat(parts));
  };
  const onData = (id: number, flags: number, payload: Buffer): void => {
    const stream = known(id);
    const its = unpadded(flags, payload);
    if (stream === undefined) {
      resets.check(id);
      inbox.drop(payload.length);
    } else stream.came(its, payload.length, (flags & flag.endStream) !== 0);
  };
  const onSettings = (flags: number, payload: Buffer): void => {
    if (++chatter > mostChatter || payload.length > 6 * mostSettings) fault(errorCode.enhanceYourCalm, 'SETTINGS');
    if ((flags & flag.ack) !== 0) {
      if (payload.length > 0) fault(errorCode.frameSize, 'an acknowledgement has no settings');
      return;
    }
    const { initialWindow } = readSettings(payload);
    if (initialWindow !== undefined) outbox.setInitialWindow(initialWindow);
    write(settingsTaken);
  };
  const onPing = (flags: number, payload: Buffer): void => {
    if (payload.length !== 8) fault(errorCode.frameSize, 'a PING has eight bytes');
    if ((flags & flag.ack) !== 0) {
      askedAt = undefined;
      return;
    }
    if (++chatter > mostChatter) fault(errorCode.enhanceYourCalm, 'PING');
    write(frame(frameType.ping, flag.ack, 0, payload));
  };
  const onWindowUpdate = (id: number, payload: Buffer): void => {
    const bytes = numberOf(payload) & mostWindow;
    if (id === 0) {
      if (bytes === 0) fault(errorCode.protocol, 'nothing more');
      outbox.widen(bytes);
      return;
    }
    const stream = known(id);
    if (stream === undefined) return;
    if (bytes === 0) stream.reset(errorCode.protocol);
    else if (!stream.widen(bytes)) stream.reset(errorCode.flowControl);
  };
  const take = (type: number, flags: number, id: number, payload: Buffer): void => {
    if (over) return;
    frames++;
    paid += payload.length;
    if (frames > mostFrames + paid / frameBytes) fault(errorCode.enhanceYourCalm, 'frames that say little');
    if (!settled && (type !== frameType.settings || (flags & flag.ack) !== 0))
      fault(errorCode.protocol, 'SETTINGS first');
    settled = true;
    if (block !== undefined && (type !== frameType.continuation || id !== block.stream)) {
      fault(errorCode.protocol, 'headers are cut off');
    }
    checkPlace(type, id);
    if (type === frameType.data) onData(id, flags, payload);
    else if (type === frameType.headers) onHeaders(id, flags, payload);
    else if (type === frameType.continuation) onContinuation(flags, payload);
    else if (type === frameType.settings) onSettings(flags, payload);
    else if (type === frameType.ping) onPing(flags, payload);
    else if (type === frameType.windowUpdate) onWindowUpdate(id, payload);
    else if (type === frameType.reset) {
      numberOf(payload);
      known(id)?.close();
    } else if (type === frameType.goAway) peerLeaves();
    else if (type === frameType.priority && payload.length !== 5)
      fault(errorCode.frameSize, 'a PRIORITY has five bytes');
  };
  const reader = createFrameReader(take);
  socket.on('data', (chunk: Buffer) => {
    if (over) return;
    try {
      reader.push(chunk);
    } catch (reason) {
      end(reason instanceof ConnectionFault ? reason.code : errorCode.internal);
    }
  });
  socket.resume();
  socket.once('close', () => {
    over = true;
    for (const stream of [...streams.values()]) stream.close();
  });
  // Goes with the answer to the peer's settings, which it sends without waiting (RFC 9113 §3.4).
  writer.hold(hello);
  return {
    streams: () => streams.size,
    idleSince: () => idleSince,
    look() {
      chatter = frames = paid = 0;
      const since = now() - lingerMs;
      for (const stream of [...streams.values()]) if (stream.lingersSince() <= since) stream.reset(errorCode.none);
    },
    ping() {
      askedAt = now();
      write(pingFrame);
    },
    askedAt: () => askedAt,
    goAway() {
      if (leaving || over) return;
      leaving = true;
      write(numbers(frameType.goAway, 0, lastStream, errorCode.none));
      if (streams.size === 0) close();
    },
    end,
  };
}
