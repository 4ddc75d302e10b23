// The store: documents and small tables, behind one interface that every backend implements and one contract suite judges.
import type { Table } from '../lib/table.ts';
import type { DocumentKey } from '../model/documents/document.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';

/** All documents at one revision. Revisions count up by one with every accepted change, and never repeat. */
export interface StoreState {
  readonly revision: number;
  readonly documents: readonly ParsedDocument[];
}

export type Change =
  /** The YAML of one document; parsed by the store unless it comes with what that very text says, and checked again. */
  | { readonly op: 'put'; readonly key: DocumentKey; readonly text: string; readonly parsed?: ParsedDocument }
  | { readonly op: 'delete'; readonly key: DocumentKey };

export interface ApplyOptions {
  /** Refuse with `aborted` unless this is still the revision. Default: no such check. */
  readonly expectedRevision?: number;
  /** Who changes, for the record. */
  readonly author: string;
  /** Handed on to watchers: skips coalescing. */
  readonly urgent?: boolean;
  /** Kept in the history. */
  readonly mark?: ChangeMark;
}

/** What a change was, beside its documents. */
export type ChangeMark = {
  /** A way back, to this revision. */
  readonly rolledBackTo?: number;
  /** Services that were made strict against the reasons of the gate. */
  readonly forced?: readonly string[];
  /** Why, as the author said. */
  readonly reason?: string;
};

export type StoreEvent =
  | { readonly kind: 'state'; readonly state: StoreState; readonly urgent: boolean }
  /** Something outside `apply` (an edited file) cannot be accepted; the last good state stays. */
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

export interface Store {
  /** The last good state. Throws `unavailable` when nothing could be loaded yet. */
  state(): StoreState;
  /** What is wrong with what is stored but not in force; empty when all is well. */
  problems(): readonly Problem[];
  /**
   * All changes or none. `check` sees the state as it would be, and its errors refuse the change (`invalid`). Answers the new
   * revision; equal content is no change and keeps the revision. Throws `unavailable` when it cannot be written,
   * `aborted` on a conflict, `failed_precondition` when read-only.
   */
  apply(changes: readonly Change[], options: ApplyOptions): Promise<ApplyResult>;
  /** The last revisions, newest first; each what it changed. Those of before the store kept any are missing. */
  history(): Promise<readonly Revision[]>;
  /** Events after now, one at a time, in order. The answer unsubscribes. */
  watch(listener: (event: StoreEvent) => void): () => void;
  /** A persistent table of that name (letters, digits, hyphens). The same name is the same table. */
  table(name: string): Table;
  close(): Promise<void>;
}

export interface Revision {
  readonly revision: number;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Absent for what came from outside of `apply` (an edited file). */
  readonly author?: string;
  readonly mark?: ChangeMark;
  readonly changes: readonly RevisionChange[];
}

/** A document's text before (absent: there was none) and after (absent: it went). */
export interface RevisionChange {
  readonly key: DocumentKey;
  readonly before?: string;
  readonly after?: string;
}

export type ApplyResult =
  | { readonly kind: 'applied'; readonly revision: number; readonly changed: readonly DocumentKey[] }
  | { readonly kind: 'unchanged'; readonly revision: number }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** Judges a whole state before it is accepted: policy/resolve, injected so that the store stays ignorant of policy. */
export type StateCheck = (documents: readonly ParsedDocument[]) => readonly Problem[];

/** Judges what comes from outside of `apply` (an edited file) once more, before it comes into force. Injected, as `StateCheck` is. */
export interface Holding {
  /** What may not come into force yet; undefined if all may. Both are sorted and pass the check. */
  hold(before: readonly ParsedDocument[], after: readonly ParsedDocument[]): Hold | undefined;
  /** There is nothing to hold any more: what is stored is broken, or gone. */
  release(): void;
  /** Told when `hold` may answer otherwise than last. The answer unsubscribes. */
  watch(listener: () => void): () => void;
}

export interface Hold {
  /** Documents that stay in force as they are (or stay absent). */
  readonly keep: readonly DocumentKey[];
  readonly problems: readonly Problem[];
}
