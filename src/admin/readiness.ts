// Whether this control plane serves, and why not: what `/readyz` says to anybody.
import { defined } from '../lib/defined.ts';
import type { Store } from '../store/store.ts';
import type { AdminDeps } from './deps.ts';

export interface ReadinessParts {
  readonly store: Pick<Store, 'trouble' | 'problems'>;
  /** Why it takes no new streams, as others can reach the store and it cannot. */
  readonly isolated: (() => string | undefined) | undefined;
  /** There is a Mesh document: the rest is starting. */
  readonly starting: boolean;
  /** Whether documents are in force. Absent: the rest does not run yet. */
  readonly documents?: boolean;
}

export function readiness({ store, isolated, starting, documents }: ReadinessParts): ReturnType<AdminDeps['ready']> {
  const trouble = store.trouble?.();
  const away = trouble?.kind === 'away' ? trouble : undefined;
  const reasons =
    documents === undefined
      ? [starting ? 'starting' : notReady(store.problems().length, away !== undefined)]
      : documents
        ? []
        : ['no documents in force'];
  const alone = reasons.length === 0 ? isolated?.() : undefined;
  const stale =
    away === undefined || reasons.length > 0
      ? undefined
      : `what is in force is the last good state: the store is away since ${new Date(away.since).toISOString()}`;
  const all = [...reasons, ...(alone === undefined ? [] : [alone])];
  return { ready: all.length === 0, reasons: all, ...defined({ stale }) };
}

/** Visible to anybody: how many, not which. */
function notReady(problems: number, away: boolean): string {
  if (away) return 'the store is unavailable, and nothing of it is known here';
  return problems === 0 ? 'no Mesh document yet' : `documents refused, none in force (problems: ${problems})`;
}
