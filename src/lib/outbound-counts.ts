// What a sidecar's helper reads from its Envoy about calls to one dependency: counts since Envoy's start, which only grow.

export interface OutboundCounts {
  /** Requests by the first digit of the status that the caller got, from 1xx to 5xx; whoever answered. */
  readonly classes: readonly number[];
  /** For TCP: connections that began. */
  readonly connections: number;
  /** Bytes from the application, and to it. */
  readonly received: number;
  readonly sent: number;
  /** TLS connections to the dependency, by key exchange group. */
  readonly groups: Readonly<Record<string, number>>;
  /** How long requests took, milliseconds, each followed by how many took so long. Absent: not read this time. */
  readonly took?: readonly number[];
}

/** By the key of the port that is called. */
export type AllOutboundCounts = Readonly<Record<string, OutboundCounts>>;

export const classNumbers = [1, 2, 3, 4, 5] as const;
