// The store: documents and small tables, behind one interface that every backend implements and one contract suite judges.
import type { Table } from '../lib/table.ts';
import type { DocumentKey } from '../model/documents/document.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import type { MeshIr } from '../policy/ir.ts';

/** Documents that were judged as a whole, and what they mean: whoever has them resolves nothing again. */
export interface Judged {
  /** Sorted by key. */
  readonly documents: readonly ParsedDocument[];
  /** Absent where they do not fit together, and where there are none. */
  readonly mesh?: MeshIr;
  /** Errors, with which they come into force nowhere; and warnings. */
  readonly problems: readonly Problem[];
}

/** All documents at one revision. Revisions count up by one with every accepted change, and never repeat. */
export interface StoreState extends Judged {
  readonly revision: number;
}

/** Of a store before the first apply. */
export const nothingStored: StoreState = { revision: 0, documents: [], problems: [] };

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
  /** The last good state; undefined while nothing could be loaded yet. */
  state(): StoreState | undefined;
  /** What is wrong with what is stored but not in force; empty when all is well. */
  problems(): readonly Problem[];
  /** What an apply of `changes` would come to now. An apply of the same array takes this over, unless something changed meanwhile. */
  plan(changes: readonly Change[]): Planned;
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

/** `base`: what is in force. `problems` of documents among the changes stand under their key as the file, others where they are. */
export type Planned = { readonly base: StoreState; readonly problems: readonly Problem[] } & (
  | { readonly kind: 'next'; readonly after: Judged; readonly changed: readonly DocumentKey[] }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'invalid' }
);

/** Problems stand as in `Planned`. */
export type ApplyResult =
  | {
      readonly kind: 'applied';
      readonly revision: number;
      readonly changed: readonly DocumentKey[];
      readonly warnings: readonly Problem[];
    }
  | { readonly kind: 'unchanged'; readonly revision: number; readonly warnings: readonly Problem[] }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** Judges a whole state before it is accepted, and says what it means. Injected, so that the store stays ignorant of policy. */
export type StateCheck = (documents: readonly ParsedDocument[]) => Omit<Judged, 'documents'>;

/** Judges what comes from outside of `apply` (an edited file) once more, before it comes into force. Injected, as `StateCheck` is. */
export interface Holding {
  /** What may not come into force yet; undefined if all may. Neither has errors. `judge` is for what is between the two. */
  hold(before: Judged, after: Judged, judge: (documents: readonly ParsedDocument[]) => Judged): Hold | undefined;
  /** There is nothing to hold any more: what is stored is broken, or gone. */
  release(): void;
  /** Told when `hold` may answer otherwise than last. The answer unsubscribes. */
  watch(listener: () => void): () => void;
}

export interface Hold {
  /** Documents that stay in force as they are (or stay absent). */
  readonly keep: readonly DocumentKey[];
  /** What comes into force with those, where `hold` judged it. */
  readonly rest?: Judged;
  readonly problems: readonly Problem[];
}
