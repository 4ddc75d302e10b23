// Changes that are not in force because they wait for somebody's word.
import type { RevisionChange } from './revision.ts';

/** Changes that are valid, and come into force only when somebody has approved them. */
export interface WaitingChange {
  /** Names these very texts and reasons: if one of them changes, so does the name. */
  readonly rev: string;
  /** `direct`: it was written into the store itself, `held`: through the admin API. */
  readonly origin: 'direct' | 'held';
  /** Who made the change. */
  readonly author: string;
  /** Epoch milliseconds. */
  readonly since: number;
  /** `before`: what was in force when it was judged. */
  readonly changes: readonly RevisionChange[];
  /** Why it waits, a sentence each. */
  readonly reasons: readonly string[];
}

/** Author of what somebody wrote into the store itself: a store tells nobody which of its users did. */
export const directAuthor = 'direct edit';

export interface DirectEdits {
  /** Valid, and not in force without approval. The oldest first. */
  waiting(): readonly WaitingChange[];
  /** What is in force is written in their place. Throws `aborted` if one of them is not there any more. */
  reject(changes: readonly WaitingChange[]): Promise<void>;
}
