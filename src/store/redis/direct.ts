// How edits of documents in Redis stand now: what waits, what is refused, since when. They are judged when something has changed, and in a
// limited share of the time: whoever writes there can change something all the time.
import type { Clock } from '../../lib/clock.ts';
import type { Seal } from '../../lib/seal.ts';
import { type ParseResult, parseDocuments } from '../../model/parse.ts';
import type { Problem } from '../../model/problem.ts';
import type { DirectReview, StateCheck } from '../judges.ts';
import { revOf } from '../rev-of.ts';
import type { Judged } from '../store.ts';
import { directAuthor, type WaitingChange } from '../waiting-change.ts';
import { type DirectJudgement, judgeDirect } from './direct-edits.ts';

export interface Direct {
  /** What comes into force of the edits, as somebody wrote them. `edited` as for `judgeDirect`; the same object is judged once. */
  judge(base: Judged, edited: ReadonlyMap<string, string | undefined>): DirectJudgement['next'];
  /** Something is to be judged that was not. */
  isDue(): boolean;
  /** These documents were changed: what waited of them, or was refused, does not any more. */
  settled(keys: ReadonlySet<string>): void;
  /** The review answers otherwise than before. */
  forget(): void;
  waiting(): readonly WaitingChange[];
  /** Of the edits, what stays out for good as it stands. `edited` as for `judge`: nothing is known of what was not judged. */
  refused(edited: ReadonlyMap<string, string | undefined>): readonly string[];
  problems(): readonly Problem[];
}

export interface DirectDeps {
  readonly check: StateCheck;
  readonly review: DirectReview;
  readonly seal: Pick<Seal, 'of'>;
  readonly clock: Clock;
  /** Something waits, or is refused, that was not before; or not any more. */
  readonly onChange: () => void;
}

/** Judging takes up at most this share of the time. */
const share = 20;
/** What comes into force, or is told, at once; then one each time. Otherwise edits without end would fill the history and the audit log. */
const atOnce = 20;
const eachMs = 5000;

export function createDirect({ check, review, seal, clock, onChange }: DirectDeps): Direct {
  let waiting: readonly WaitingChange[] = [];
  let problems: readonly Problem[] = [];
  let judged: { readonly base: Judged; readonly edited: unknown } | undefined;
  let isDue = false;
  let notBefore = Number.NEGATIVE_INFINITY;
  /** Of the documents that stand there now. */
  let parsed = new Map<string, { readonly text: string; readonly result: ParseResult }>();
  const parse = (key: string, text: string): ParseResult => {
    const known = parsed.get(key);
    if (known?.text === text) return known.result;
    const result = parseDocuments(text, key);
    parsed.set(key, { text, result });
    return result;
  };
  const name = (content: Parameters<Seal['of']>[0]): string =>
    revOf(content, (text) => Buffer.from(seal.of([text]), 'base64url'));
  const left = { count: atOnce, at: clock.monotonic() };
  const mayTell = (): boolean => {
    const now = clock.monotonic();
    left.count = Math.min(atOnce, left.count + (now - left.at) / eachMs);
    left.at = now;
    return left.count >= 1;
  };
  const set = (found: Pick<DirectJudgement, 'waiting' | 'problems'>): boolean => {
    const since = new Map(waiting.map((change) => [change.rev, change.since]));
    const next = found.waiting.map((change) => ({ ...change, since: since.get(change.rev) ?? clock.now() }));
    const same = JSON.stringify([next, found.problems]) === JSON.stringify([waiting, problems]);
    [waiting, problems] = [next, found.problems];
    if (!same) onChange();
    return !same;
  };
  return {
    judge(base, edited) {
      if (judged?.base === base && judged.edited === edited) {
        isDue = false;
        return undefined;
      }
      const startedAt = clock.monotonic();
      isDue = edited.size > 0 && (startedAt < notBefore || !mayTell());
      if (isDue) return undefined;
      parsed = new Map([...parsed].filter(([key]) => edited.has(key)));
      const given = { check, review, parse, name, author: directAuthor, waited: waiting };
      const found = edited.size === 0 ? { waiting: [], problems: [] } : judgeDirect(base, edited, given);
      isDue = found === undefined;
      if (found === undefined) return undefined;
      notBefore = clock.monotonic() + (clock.monotonic() - startedAt) * share;
      judged = { base, edited };
      const next = 'next' in found ? found.next : undefined;
      if (set(found) || next !== undefined) left.count -= 1;
      return next;
    },
    settled(keys) {
      const left = waiting.filter(({ changes }) => !changes.some(({ key }) => keys.has(key)));
      const wrong = problems.filter(({ source }) => !keys.has(source.file));
      if (left.length + wrong.length < waiting.length + problems.length) set({ waiting: left, problems: wrong });
    },
    isDue: () => isDue,
    forget() {
      judged = undefined;
      isDue = true;
    },
    waiting: () => waiting,
    refused(edited) {
      if (judged?.edited !== edited || isDue) return [];
      const waits = new Set<string>(waiting.flatMap(({ changes }) => changes.map(({ key }) => key)));
      return [...edited.keys()].filter((key) => !waits.has(key));
    },
    problems: () => problems,
  };
}
