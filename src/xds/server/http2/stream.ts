// One stream of a connection: what each side has still to send. RFC 9113 §5.1
import { type ErrorCode, errorCode, frameType, numbers } from './frames.ts';
import type { Inbox } from './inbox.ts';
import type { Outbox } from './outbox.ts';

/** As its server sees it. */
export interface Http2Stream {
  headers(block: Buffer): void;
  data(bytes: Buffer, sent?: () => void): void;
  /** Sends the headers that end it, after all data; the peer then has a moment to end its side. */
  end(block: Buffer): void;
  /** Consumes nothing more until `resume`: the peer's window closes. */
  pause(): void;
  resume(): void;
}

/** Serves it; nothing is called after `closed`, which is called once, unless this side ended the stream. */
export interface StreamHandler {
  data(chunk: Buffer): void;
  ended(): void;
  closed(): void;
}

/** As the connection sees it. */
export interface OpenStream extends Http2Stream {
  begin(handler: StreamHandler | undefined, ended: boolean): void;
  /** `bytes`: including the padding. */
  came(chunk: Buffer, bytes: number, end: boolean): void;
  trailers(end: boolean): void;
  widen(bytes: number): boolean;
  reset(code: ErrorCode): void;
  close(): void;
  /** Since when this side has ended it and the other has not; otherwise infinity. */
  readonly lingersSince: () => number;
}

export interface StreamDeps {
  readonly id: number;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly now: () => number;
  /** `wasReset`: by this side, so that data of the peer may still be in transit. */
  readonly gone: (id: number, wasReset: boolean) => void;
}

/** `begin` gives it its handler. */
export function createStream({ id, outbox, inbox, now, gone }: StreamDeps): OpenStream {
  const lane = outbox.lane(id);
  const intake = inbox.open(id);
  let handler: StreamHandler | undefined;
  let lingersSince = Number.POSITIVE_INFINITY;
  /** This side has sent everything; the other side's end has arrived. */
  let [sent, heard, over] = [false, false, false];

  const leave = (wasReset = false): void => {
    if (over) return;
    over = true;
    lane.close();
    intake.close();
    gone(id, wasReset);
  };
  const close = (wasReset = false): void => {
    const its = handler;
    handler = undefined;
    leave(wasReset);
    its?.closed();
  };
  const reset = (code: ErrorCode): void => {
    if (over) return;
    outbox.send(numbers(frameType.reset, id, code));
    close(true);
  };
  const hear = (): void => {
    heard = true;
    handler?.ended();
    if (sent) leave();
  };
  return {
    headers: (block) => lane.headers(block),
    data: (bytes, done) => lane.data(bytes, done),
    end(block) {
      handler = undefined;
      lingersSince = now();
      intake.resume();
      lane.end(block, () => {
        sent = true;
        if (heard) leave();
      });
    },
    pause: () => intake.pause(),
    resume: () => intake.resume(),
    begin(its, ended) {
      // Its server may have ended it already.
      if (lingersSince === Number.POSITIVE_INFINITY) handler = its;
      if (ended && !over) hear();
    },
    came(chunk, bytes, end) {
      intake.came(bytes);
      if (heard) reset(errorCode.streamClosed);
      else if (chunk.length > 0) handler?.data(chunk);
      if (end && !heard && !over) hear();
    },
    trailers(end) {
      if (heard || !end) reset(heard ? errorCode.streamClosed : errorCode.protocol);
      else hear();
    },
    widen: (bytes) => lane.widen(bytes),
    reset,
    close: () => close(),
    lingersSince: () => lingersSince,
  };
}
