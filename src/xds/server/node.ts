// Who is at the other end of a stream, as verified by the authenticator that the transport is given.

/** What a stream's peer proved and claimed. Everything but the certificate is a hostile claim. */
export interface StreamPeer {
  /** Leaf certificate of the verified client chain, DER; absent without mTLS. */
  readonly certificate?: Uint8Array;
  /** Remote IP address. */
  readonly address: string;
}

/** `Node`, reduced to what is used, capped in size. */
export interface StreamNode {
  readonly id: string;
  readonly cluster: string;
  readonly userAgent: string;
  /** `node.metadata` as JSON; at most 64 KiB on the wire, else refused. */
  readonly metadata: Readonly<Record<string, unknown>>;
}
