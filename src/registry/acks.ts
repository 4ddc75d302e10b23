// What each proxy was sent and what it accepted, a type at a time. Fed by the stream server's events; `status` reads it.

import { clip } from '../lib/clip.ts';
import type { TypeStatus } from './proxy-status.ts';

export interface Acks {
  sent(node: string, typeUrl: string, revision: number): void;
  acked(node: string, typeUrl: string, revision: number, version: string): void;
  /** It has what it would be sent at this revision, accepted on an earlier stream. */
  kept(node: string, typeUrl: string, revision: number): void;
  nacked(node: string, typeUrl: string, revision: number, message: string): void;
  /** Every type the proxy was ever sent, by type. */
  of(node: string): readonly TypeStatus[];
  forget(node: string): void;
}

/** Longest part of a proxy's rejection that is kept: it is the proxy's text, thus hostile. */
const maxMessage = 2000;

export function createAcks(): Acks {
  const nodes = new Map<string, Map<string, TypeStatus>>();
  const update = (node: string, typeUrl: string, change: (before: TypeStatus) => TypeStatus): void => {
    const types = nodes.get(node) ?? new Map<string, TypeStatus>();
    nodes.set(node, types.set(typeUrl, change(types.get(typeUrl) ?? { typeUrl })));
  };
  return {
    sent: (node, typeUrl, sentRevision) => update(node, typeUrl, (before) => ({ ...before, sentRevision })),
    acked(node, typeUrl, ackedRevision, ackedVersion) {
      update(node, typeUrl, ({ nack, ...before }) => {
        const accepted = { ...before, ackedRevision, ackedVersion };
        // An ACK of something older than what was rejected (another resource of the type) does not heal it.
        return nack !== undefined && nack.revision > ackedRevision ? { ...accepted, nack } : accepted;
      });
    },
    kept: (node, typeUrl, ackedRevision) => update(node, typeUrl, (before) => ({ ...before, ackedRevision })),
    nacked(node, typeUrl, revision, message) {
      update(node, typeUrl, (before) => ({ ...before, nack: { revision, message: clip(message, maxMessage) } }));
    },
    of: (node) => [...(nodes.get(node)?.values() ?? [])],
    forget: (node) => void nodes.delete(node),
  };
}
