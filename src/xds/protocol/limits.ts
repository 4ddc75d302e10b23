// What one stream may request. A hostile or broken client gets RESOURCE_EXHAUSTED and does not affect others.

export interface Limits {
  /** Names of one type that a stream may subscribe to, or claim to have. */
  readonly names: number;
  /** Maximum length of a name in bytes. */
  readonly nameBytes: number;
  /** Bytes of `node.metadata` and of all strings of `node` that are kept. */
  readonly nodeBytes: number;
  /**
   * Bytes of names that the proxies of one identity may subscribe to, beyond a free allowance for each; and the total for all: about 1,200
   * for each dependency of a service, however many proxies that has, when all come back and say what they have.
   */
  readonly identityBytes: number;
  readonly allBytes: number;
  readonly freeBytesOfNode: number;
  /** Streams of one proxy: ADS, and those for single types, of which a proxy has one for each thing that it requests. */
  readonly streamsOfNode: number;
  readonly singleStreamsOfNode: number;
  readonly streamsOfIdentity: number;
  /** Connections of one certificate. */
  readonly connectionsOfCertificate: number;
  /**
   * Streams that a host may open at once, and then one per this many milliseconds; opening a connection costs one, which includes its first
   * stream.
   */
  readonly streamPace: { readonly burst: number; readonly everyMs: number };
  /** Streams of one certificate that have not yet said whose they are, and how long they may take. */
  readonly silentStreams: number;
  readonly firstRequestMs: number;
  /** Maximum size of one request in bytes. */
  readonly requestBytes: number;
  /** Maximum number of characters of an `error_detail` that are kept. */
  readonly errorLength: number;
  /** Streams per second that get their first configuration, and how many at once before that limit applies. */
  readonly admittedPerSecond: number;
  readonly admittedAtOnce: number;
  /** Milliseconds of work that a host may cause at once, and the share of all time that it may cause continuously. */
  readonly workAtOnceMs: number;
  readonly workShare: number;
}

export const defaultLimits: Limits = {
  names: 10_000,
  nameBytes: 4096,
  nodeBytes: 64 * 1024,
  identityBytes: 4 * 1024 * 1024,
  allBytes: 256 * 1024 * 1024,
  freeBytesOfNode: 16 * 1024,
  streamsOfNode: 8,
  singleStreamsOfNode: 128,
  streamsOfIdentity: 4096,
  connectionsOfCertificate: 64,
  streamPace: { burst: 1024, everyMs: 50 },
  silentStreams: 128,
  firstRequestMs: 30_000,
  requestBytes: 2 * 1024 * 1024,
  errorLength: 4096,
  admittedPerSecond: 2000,
  admittedAtOnce: 500,
  workAtOnceMs: 500,
  workShare: 0.1,
};
