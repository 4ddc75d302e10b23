// What one stream may ask for. A hostile or broken client gets RESOURCE_EXHAUSTED and costs nobody else anything.

export interface Limits {
  /** Names of one type that a stream may subscribe to, or say that it has. */
  readonly names: number;
  /** Bytes of a name. */
  readonly nameBytes: number;
  /** Bytes of `node.metadata` and of all strings of `node` that are kept. */
  readonly nodeBytes: number;
  /** Bytes of one request. */
  readonly requestBytes: number;
  /** Characters of an `error_detail` that are kept. */
  readonly errorLength: number;
  /** Streams a second that get their first configuration, and how many at once before that counts. */
  readonly admittedPerSecond: number;
  readonly admittedAtOnce: number;
  /** Milliseconds of work that a node may cause at once, and the share of all time that it may cause for long. */
  readonly workAtOnceMs: number;
  readonly workShare: number;
}

export const defaultLimits: Limits = {
  names: 10_000,
  nameBytes: 4096,
  nodeBytes: 64 * 1024,
  requestBytes: 4 * 1024 * 1024,
  errorLength: 4096,
  admittedPerSecond: 2000,
  admittedAtOnce: 500,
  workAtOnceMs: 500,
  workShare: 0.1,
};
