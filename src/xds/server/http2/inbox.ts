// How much the peer may send, on each stream and on all together: the windows open as data is consumed. RFC 9113 §5.2
import { ConnectionFault, errorCode, frameType, numbers, usualWindow } from './frames.ts';

export interface Inbox {
  /** For a new stream. */
  open(stream: number): Intake;
  /** Data on a stream that no longer exists. */
  drop(bytes: number): void;
}

export interface Intake {
  /** So many bytes arrived; throws a ConnectionFault if that is more than the windows allow. */
  came(bytes: number): void;
  /** What arrives counts as not consumed until `resume`. */
  pause(): void;
  resume(): void;
  /** Nothing more will arrive. */
  close(): void;
}

/** For all calls of a connection together; a paused call does not hold up the others. */
export const connectionWindow = 1024 * 1024;

/** `send` sends WINDOW_UPDATE frames. */
export function createInbox(send: (bytes: Buffer) => void): Inbox {
  let window = connectionWindow;
  let taken = 0;
  const take = (bytes: number): void => {
    taken += bytes;
    if (taken < connectionWindow / 2) return;
    send(numbers(frameType.windowUpdate, 0, taken));
    window += taken;
    taken = 0;
  };
  const receive = (bytes: number): void => {
    window -= bytes;
    if (window < 0) throw new ConnectionFault(errorCode.flowControl, 'more than the window lets through');
  };
  return {
    open(stream) {
      let its = usualWindow;
      let itsTaken = 0;
      /** What arrived while it is paused. */
      let held = 0;
      let [paused, closed] = [false, false];
      const settle = (bytes: number): void => {
        take(bytes);
        itsTaken += bytes;
        if (closed || itsTaken < usualWindow / 2) return;
        send(numbers(frameType.windowUpdate, stream, itsTaken));
        its += itsTaken;
        itsTaken = 0;
      };
      const resume = (): void => {
        paused = false;
        const bytes = held;
        held = 0;
        if (bytes > 0) settle(bytes);
      };
      return {
        came(bytes) {
          receive(bytes);
          its -= bytes;
          if (its < 0) throw new ConnectionFault(errorCode.flowControl, 'more than the window lets through');
          if (paused) held += bytes;
          else settle(bytes);
        },
        pause() {
          paused = !closed;
        },
        resume,
        close() {
          closed = true;
          resume();
        },
      };
    },
    drop(bytes) {
      receive(bytes);
      take(bytes);
    },
  };
}
