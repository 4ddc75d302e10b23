// How coverage.ts writes its table, for those who read it: rows by the proxy's name, and these.
import type { StoredNode } from './stored-node.ts';

/** When all was well last. */
export const heartbeat = '~';
/** Until when rows beyond the limit reported more. */
export const cutKey = '~cut';
/** Prefix of a port's key: since when a proxy has been in front of it. */
export const portPrefix = '~port ';

/** Its last gap still lasts. */
export function isOpen({ gaps }: StoredNode): boolean {
  return gaps.at(-1)?.[1] === null;
}

/** Nothing about proxies that left longer ago than this. Milliseconds. */
export const keptMs = 31 * 86_400_000;

/** A dead connection is noticed this late: what was logged meanwhile is lost as well. Milliseconds. */
export const lateMs = 15_000;
