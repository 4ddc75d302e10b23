// Which gaps of a proxy are kept, and what is known of proxies that are gone: no time may count as recorded only because it was forgotten
// that it was not. Pure.
import { lateMs } from './coverage-keys.ts';
import type { StoredGap, StoredNode } from './stored-node.ts';

interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Forgotten {
  readonly goneGaps?: readonly (Span & { readonly node: string })[];
  readonly forgotUntil?: number;
}

const maxGaps = 50;
/** A proxy that says goodbye is gone at once: its last gap is what a dead connection may hide. One that disappears is waited for. */
const goodbyeMs = lateMs + 10_000;

/** The newest; until when others were is kept beside them. */
export function newestGaps(stored: StoredNode, gaps: readonly StoredGap[]): StoredNode {
  const until = Math.max(0, ...gaps.slice(0, -maxGaps).map(([, to]) => to ?? 0));
  return forgetting({ ...stored, gaps: gaps.slice(-maxGaps) }, until);
}

/** Another proxy of the service is dropped: `kept` has from then on until when its gaps were. */
export function instead(kept: StoredNode, dropped: StoredNode): StoredNode {
  const until = Math.max(dropped.forgotUntil ?? 0, ...spansOf(dropped).map(({ to }) => to));
  return forgetting(kept, until);
}

/** Of a service's proxies by their names: those gaps that the gate does not ask for, and reports do. */
export function ofGone(own: readonly (readonly [string, StoredNode])[], since: number): Forgotten {
  const goneGaps = own.flatMap(([node, stored]) =>
    spansOf(stored)
      .filter(({ to }) => to >= since)
      .map((span) => ({ node, ...span })),
  );
  const until = Math.max(0, ...own.map(([, stored]) => stored.forgotUntil ?? 0));
  return {
    ...(goneGaps.length > 0 ? { goneGaps } : {}),
    ...(until > 0 && until >= since ? { forgotUntil: until } : {}),
  };
}

/** In which a proxy that is gone by now was not connected. */
function spansOf({ goneAt, gaps }: StoredNode): readonly Span[] {
  if (goneAt === undefined) return [];
  return gaps.flatMap(([from, to, missing]): Span[] => {
    const goodbye = to === null && goneAt - from <= goodbyeMs;
    return missing !== undefined || goodbye ? [] : [{ from, to: to ?? goneAt }];
  });
}

function forgetting(stored: StoredNode, until: number): StoredNode {
  const forgotUntil = Math.max(stored.forgotUntil ?? 0, until);
  return forgotUntil > 0 ? { ...stored, forgotUntil } : stored;
}
