// What the peer may send: of each stream, and of all together, as much as was not taken yet. RFC 9113, 5.2
import { ConnectionFault, errorCode, frameType, numbers, usualWindow } from './frames.ts';

export interface Inbox {
  /** One of a new stream. */
  open(stream: number): Intake;
  /** Of a stream that is gone. */
  drop(bytes: number): void;
}

export interface Intake {
  /** So many bytes came; throws a ConnectionFault where they are more than were let. */
  came(bytes: number): void;
  /** What comes is not taken, until `resume`. */
  pause(): void;
  resume(): void;
  /** Nothing more comes. */
  close(): void;
}

/** All calls of a connection together; a call that rests holds up no other. */
export const connectionWindow = 1024 * 1024;

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
      /** That came while it rests. */
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
