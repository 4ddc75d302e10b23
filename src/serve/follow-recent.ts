// What was in force in the last minutes, told as it changes, and read from the history after a start: a restart does not start the count of
// what is deleted step by step anew.
import type { Clock } from '../lib/clock.ts';
import type { RecentStates } from '../limits/recent-states.ts';
import type { DocumentKey } from '../model/documents/document.ts';
import { parseDocuments } from '../model/parse.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { StateCheck } from '../store/judges.ts';
import type { Revision } from '../store/revision.ts';
import type { Store, StoreState } from '../store/store.ts';

export interface FollowRecentDeps {
  readonly store: Pick<Store, 'state' | 'history' | 'watch'>;
  readonly recent: Pick<RecentStates, 'note'>;
  readonly check: StateCheck;
  readonly clock: Pick<Clock, 'now'>;
}

/** A little longer than the window: what is older is not asked for. */
const readMs = 660_000;

/** The returned function ends it. */
export async function followRecent({ store, recent, check, clock }: FollowRecentDeps): Promise<() => void> {
  const state = store.state();
  let early: StoreState[] | undefined = [];
  const end = store.watch((event) => {
    if (event.kind !== 'state') return;
    const { state: next } = event;
    if (early !== undefined) return void early.push(next);
    // The proxies come first: to look at a large state takes milliseconds.
    setImmediate(() => setImmediate(() => recent.note(next)));
  });
  if (state !== undefined) await noteLate(state, { store, recent, check, clock });
  for (const next of early) recent.note(next);
  early = undefined;
  return end;
}

async function noteLate(state: StoreState, { store, recent, check, clock }: FollowRecentDeps): Promise<void> {
  const now = clock.now();
  const lately = (await store.history().catch(() => [])).filter(({ at, revision }) => {
    return at > now - readMs && revision <= state.revision;
  });
  // Whatever was confirmed or approved was looked at: what is before it does not count.
  const confirmed = lately.findIndex(({ mark }) => mark?.confirmed !== undefined || mark?.approvedBy !== undefined);
  const counts = confirmed < 0 ? lately : lately.slice(0, confirmed);
  const [oldest] = counts.slice(-1);
  const documents = oldest === undefined ? undefined : undone(state.documents, counts);
  const judged = documents && { documents, ...check(documents) };
  if (oldest !== undefined && judged?.mesh !== undefined) recent.note(judged, Math.max(0, now - oldest.at));
  recent.note(state);
}

/** The documents as they were before these changes, the newest first; undefined if one of them cannot be read any more. */
function undone(
  documents: readonly ParsedDocument[],
  revisions: readonly Revision[],
): readonly ParsedDocument[] | undefined {
  const texts = new Map<DocumentKey, ParsedDocument | string>(documents.map((document) => [document.key, document]));
  for (const { key, before } of revisions.flatMap(({ changes }) => changes)) {
    if (before === undefined) texts.delete(key);
    else texts.set(key, before);
  }
  const found: ParsedDocument[] = [];
  for (const [key, text] of texts) {
    if (typeof text !== 'string') {
      found.push(text);
      continue;
    }
    const parsed = parseDocuments(text, key);
    if (parsed.kind === 'invalid') return undefined;
    found.push(...parsed.documents);
  }
  return found.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}
