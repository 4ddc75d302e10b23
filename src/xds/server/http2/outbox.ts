// What a connection sends: frames at once, and data as far as the peer's windows allow, in order on each stream. RFC 9113 §5.2 and §6.9
import { ConnectionFault, dataFrames, errorCode, flag, frame, frameType, mostWindow, usualWindow } from './frames.ts';
import type { SocketWriter } from './socket-writer.ts';

export interface Outbox {
  send(bytes: Buffer): void;
  lane(stream: number): Lane;
  /** The peer accepts so many more bytes, on all streams together. */
  widen(bytes: number): void;
  /** What a new stream may send at first, from now on; existing ones get the difference. */
  setInitialWindow(bytes: number): void;
}

/** One stream's part of it. */
export interface Lane {
  /** Leaves with what is sent next. */
  headers(block: Buffer): void;
  /** `sent` is called once all of it was sent. */
  data(bytes: Buffer, sent?: () => void): void;
  /** Headers that end the stream, after all data. */
  end(block: Buffer, ended: () => void): void;
  /** False if the window would become larger than allowed. */
  widen(bytes: number): boolean;
  /** Drops what is waiting. */
  close(): void;
}

interface State {
  readonly stream: number;
  window: number;
  /** What waits for the window, oldest first; created when needed. */
  queue: { readonly bytes: Buffer; at: number; readonly sent: (() => void) | undefined }[] | undefined;
  last: { readonly block: Buffer; readonly ended: () => void } | undefined;
}

/** `framed` is `dataFrames`, or a version of it that remembers its results. */
export function createOutbox(
  { write, hold, flush }: Pick<SocketWriter, 'write' | 'hold' | 'flush'>,
  framed: (bytes: Buffer, stream: number) => Buffer,
): Outbox {
  const lanes = new Set<State>();
  /** Of these. */
  const waiting = new Set<State>();
  let window = usualWindow;
  let initial = usualWindow;

  const headersOf = (state: State, block: Buffer, flags: number): Buffer =>
    frame(frameType.headers, flag.endHeaders | flags, state.stream, block);
  const drain = (state: State): void => {
    const { queue } = state;
    while (queue !== undefined && queue[0] !== undefined) {
      const [next] = queue;
      const size = Math.min(next.bytes.length - next.at, window, state.window);
      if (size <= 0) return;
      window -= size;
      state.window -= size;
      const from = next.at;
      next.at += size;
      const whole = next.at === next.bytes.length;
      if (whole) queue.shift();
      write(dataFrames(next.bytes.subarray(from, from + size), state.stream), whole ? next.sent : undefined);
    }
    waiting.delete(state);
    state.queue = undefined;
    if (state.last === undefined) return;
    const { block, ended } = state.last;
    state.last = undefined;
    write(headersOf(state, block, flag.endStream));
    ended();
  };
  const drainAll = (): void => {
    for (const state of [...waiting]) {
      if (window <= 0) return;
      drain(state);
    }
  };
  const wait = (state: State): void => {
    waiting.add(state);
    drain(state);
  };
  return {
    send: (bytes) => write(bytes),
    lane(stream) {
      const state: State = { stream, window: initial, queue: undefined, last: undefined };
      lanes.add(state);
      return {
        headers: (block) => hold(headersOf(state, block, 0)),
        data(bytes, sent) {
          if (state.queue === undefined && bytes.length <= window && bytes.length <= state.window) {
            window -= bytes.length;
            state.window -= bytes.length;
            write(framed(bytes, stream), sent);
            return;
          }
          state.queue ??= [];
          state.queue.push({ bytes, at: 0, sent });
          wait(state);
          flush();
        },
        end(block, ended) {
          state.last = { block, ended };
          wait(state);
        },
        widen(bytes) {
          state.window += bytes;
          if (state.window > mostWindow) return false;
          if (waiting.has(state)) drain(state);
          return true;
        },
        close() {
          lanes.delete(state);
          waiting.delete(state);
          state.queue = undefined;
          state.last = undefined;
        },
      };
    },
    widen(bytes) {
      window += bytes;
      if (window > mostWindow) throw new ConnectionFault(errorCode.flowControl, 'the window is larger than it may be');
      drainAll();
    },
    setInitialWindow(bytes) {
      const more = bytes - initial;
      initial = bytes;
      for (const state of lanes) {
        state.window += more;
        if (state.window > mostWindow) throw new ConnectionFault(errorCode.flowControl, 'a window is too large');
      }
      if (more > 0) drainAll();
    },
  };
}
