// Wraps keys, tokens and passwords: prints, serialises and inspects as [redacted]. Only reveal() unwraps it.
import { inspect } from 'node:util';

const secrets = new WeakMap<object, unknown>();

/** A value that no log, dump or error shows. */
export class Redacted<T> {
  constructor(value: T) {
    secrets.set(this, value);
  }

  /** The value itself. Call it where the value is used, never to store it or pass it on. */
  reveal(): T {
    // Only the constructor writes this entry, with a T.
    return secrets.get(this) as T;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}
