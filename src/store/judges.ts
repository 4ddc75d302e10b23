// Who decides what may come into force of what a store holds. Injected, so that stores stay ignorant of policy.
import type { DocumentKey } from '../model/documents/document.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import type { Judged } from './store.ts';

/** Judges a whole state before it is accepted, and says what it means. Injected, so that the store stays ignorant of policy. */
export type StateCheck = (documents: readonly ParsedDocument[]) => Omit<Judged, 'documents'>;

/** Judges what comes from outside of `apply` (an edited file) once more, before it comes into force. Injected, as `StateCheck` is. */
export interface Holding {
  /** What may not come into force yet; undefined if all may. Neither has errors. `judge` is for what is between the two. */
  hold(before: Judged, after: Judged, judge: (documents: readonly ParsedDocument[]) => Judged): Hold | undefined;
  /** Whether what is held for a problem of that code may be approved; otherwise it comes into force by itself. Default: not. */
  approvable?(code: string): boolean;
  /** There is nothing to hold any more: what is stored is broken, or gone. */
  release(): void;
  /** Told when `hold` may answer otherwise than last. The answer unsubscribes. */
  watch(listener: () => void): () => void;
}

/** Judges what somebody wrote into a shared store directly. Injected, as `StateCheck` is. */
export interface DirectReview {
  /** Why it may not come into force without approval. Neither state has errors. Undefined: it cannot be said yet. */
  reasons(before: Judged, after: Judged): ReviewReasons | undefined;
  /** Told when `reasons` may answer otherwise than last. The answer unsubscribes. */
  watch(listener: () => void): () => void;
}

/** Sentences. */
export interface ReviewReasons {
  /** What the two states mean: an approval is bound to them. */
  readonly bound: readonly string[];
  /** What else is known, as of callers that were seen. */
  readonly more: readonly string[];
  /** How much changes at once is among them: no part comes into force for being less. Default: it is not. */
  readonly whole?: boolean;
}

export interface Hold {
  /** Documents that stay in force as they are (or stay absent). */
  readonly keep: readonly DocumentKey[];
  /** What comes into force with those, where `hold` judged it. */
  readonly rest?: Judged;
  readonly problems: readonly Problem[];
}
