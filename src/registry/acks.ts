// What each proxy was sent and what it accepted, one type at a time. Fed by the stream server's events; `status` reads it.

import { clip } from '../lib/clip.ts';
import type { RejectedResource, TypeStatus } from './proxy-status.ts';

/** What an event is about. A proxy may have several streams of one type, as single-type clients of secrets do. */
export interface AckedType {
  readonly node: string;
  /** Which of the node's streams, by the stream server's number. */
  readonly stream: number;
  readonly typeUrl: string;
  readonly revision: number;
}

/** All keyed by node, stream and type. */
export interface Acks {
  sent(of: AckedType): void;
  /** `refused`: resources of the type that it rejected earlier and has not accepted since. */
  acked(of: AckedType, version: string, refused: number): void;
  /** It has what it would be sent at this revision, accepted on an earlier stream. */
  kept(of: AckedType): void;
  nacked(of: AckedType, message: string, resources: readonly RejectedResource[]): void;
  /** The stream is over; its last state remains until another stream of the type reports more. */
  ended(node: string, stream: number): void;
  /** Every type the proxy was ever sent, by type; if there are several streams, the one furthest behind. */
  of(node: string): readonly TypeStatus[];
  forget(node: string): void;
}

/** Maximum length kept of a proxy's rejection: it is the proxy's text, thus hostile. */
const maxMessage = 2000;

interface Told extends Omit<TypeStatus, 'typeUrl'> {
  readonly ended?: true;
}
type Streams = ReadonlyMap<number, Told>;

/** `now`: epoch milliseconds; absent: nobody is told since when. */
export function createAcks(now?: () => number): Acks {
  const nodes = new Map<string, Map<string, Map<number, Told>>>();
  const update = ({ node, stream, typeUrl }: AckedType, change: (before: Told) => Told): void => {
    const types = nodes.get(node) ?? new Map<string, Map<number, Told>>();
    const streams = types.get(typeUrl) ?? new Map<number, Told>();
    // In place: this is called twice for each stream and push.
    const before = streams.get(stream) ?? {};
    for (const [other, told] of streams) if (told.ended === true) streams.delete(other);
    streams.set(stream, change(before));
    types.set(typeUrl, streams);
    nodes.set(node, types);
  };
  return {
    sent: (of) =>
      update(of, (before) => ({
        ...before,
        sentRevision: of.revision,
        ...(now !== undefined && before.behindSince === undefined && { behindSince: now() }),
      })),
    acked(of, ackedVersion, refused) {
      update(of, ({ nack, behindSince, ...before }) => {
        const isBehind = of.revision < (before.sentRevision ?? 0) && behindSince !== undefined;
        const accepted = { ...before, ackedRevision: of.revision, ackedVersion, ...(isBehind && { behindSince }) };
        // An ACK of another resource of the type does not clear a rejection.
        return nack !== undefined && refused > 0 ? { ...accepted, nack } : accepted;
      });
    },
    kept: (of) => update(of, ({ behindSince: _, ...before }) => ({ ...before, ackedRevision: of.revision })),
    nacked(of, message, resources) {
      // Envoy ends each of several reasons with a line break.
      const words = message.trim().replaceAll('\n', '; ');
      const nack = { revision: of.revision, message: clip(words, maxMessage), resources };
      update(of, (before) => ({ ...before, nack }));
    },
    ended(node, stream) {
      for (const [typeUrl, streams] of nodes.get(node) ?? []) {
        const told = streams.get(stream);
        if (told === undefined) continue;
        const others = [...streams].filter(([other, { ended }]) => other !== stream && ended === undefined);
        nodes.get(node)?.set(typeUrl, new Map(others.length > 0 ? others : [[stream, { ...told, ended: true }]]));
      }
    },
    of: (node) => [...(nodes.get(node) ?? [])].map(([typeUrl, streams]) => ({ typeUrl, ...furthestBehind(streams) })),
    forget: (node) => void nodes.delete(node),
  };
}

/** A stream that was sent nothing recently is not behind: it has what it would be sent. */
function furthestBehind(streams: Streams): Omit<TypeStatus, 'typeUrl'> {
  const all = [...streams.values()];
  const [only, other] = all;
  // As nearly every proxy has it, asked after each of its first answers.
  if (only !== undefined && other === undefined) {
    const { ended: _, ...told } = only;
    return told;
  }
  const isBehind = ({ sentRevision = -1, ackedRevision = -1 }: Told): boolean => ackedRevision < sentRevision;
  const behind = all.filter(isBehind).toSorted((a, b) => (a.ackedRevision ?? -1) - (b.ackedRevision ?? -1));
  const newest = all.toSorted((a, b) => (b.ackedRevision ?? -1) - (a.ackedRevision ?? -1));
  const { ended: _, nack: __, ...told } = behind[0] ?? newest[0] ?? {};
  const nack = all.flatMap(({ nack }) => nack ?? []).toSorted((a, b) => b.revision - a.revision)[0];
  return nack === undefined ? told : { ...told, nack };
}
