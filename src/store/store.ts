// The store: documents and small tables, behind one interface that every backend implements and one contract suite tests.
import type { Json, Table } from '../lib/table.ts';
import type { DocumentKey } from '../model/documents/document.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { LastGood } from './last-good/last-good.ts';
import type { ChangeMark, Revision } from './revision.ts';
import type { DirectEdits, WaitingChange } from './waiting-change.ts';

/** Documents that were judged as a whole, and their meaning: whoever has them need not resolve anything again. */
export interface Judged {
  /** Sorted by key. */
  readonly documents: readonly ParsedDocument[];
  /** Absent if they are not valid together, and if there are none. */
  readonly mesh?: MeshIr;
  /** Errors, with which they cannot come into force; and warnings. */
  readonly problems: readonly Problem[];
}

/** All documents at one revision. Revisions increase by one with every accepted change, and never repeat. */
export interface StoreState extends Judged {
  readonly revision: number;
}

/** Of a store before the first apply. */
export const nothingStored: StoreState = { revision: 0, documents: [], problems: [] };

export type Change =
  /** The YAML of one document; the store parses it unless it comes with the parsed form of that very text, and checks it again. */
  | { readonly op: 'put'; readonly key: DocumentKey; readonly text: string; readonly parsed?: ParsedDocument }
  | { readonly op: 'delete'; readonly key: DocumentKey };

export interface ApplyOptions {
  /** Refuse with `aborted` unless this is still the current revision. Default: no such check. */
  readonly expectedRevision?: number;
  /** Who makes the change, for the record. */
  readonly author: string;
  /** Passed on to watchers: skips coalescing. */
  readonly urgent?: boolean;
  /** Passed on to watchers, those of other replicas as well: the `traceparent` of what it is a part of. */
  readonly trace?: string;
  /** Kept in the history. */
  readonly mark?: ChangeMark;
  /** Documents that somebody wrote into the store directly: they stand there already, and what is written there next is not overwritten. */
  readonly direct?: ReadonlySet<DocumentKey>;
  /**
   * For a store that takes over another's content: the revision that it gets, if that is later than what is in force or nothing is; also if
   * nothing else changes. It is not noted in the history, which is taken over as well. Default: the next one.
   */
  readonly revision?: number;
}

/** How a state came that no apply of this process made. */
export interface Arrival {
  readonly by: 'files' | 'replica';
  /** From its being written until now, milliseconds. Absent: not known, or it waited for somebody. */
  readonly lagMs?: number;
}

export type StoreEvent =
  /** `direct`: somebody wrote it into the store itself, and it needed no approval. `trace`: as in `ApplyOptions`. */
  | {
      readonly kind: 'state';
      readonly state: StoreState;
      readonly urgent: boolean;
      readonly direct?: true;
      readonly trace?: string;
      readonly arrival?: Arrival;
    }
  /** What waits in the store, or is refused there, has changed (`DirectEdits`). */
  | { readonly kind: 'direct'; readonly waiting: readonly WaitingChange[]; readonly problems: readonly Problem[] }
  /** What somebody had written into the store directly, and was not in force, is gone: these documents were changed by an apply. */
  | { readonly kind: 'superseded'; readonly keys: readonly string[]; readonly author: string }
  /** What an earlier version had sealed, or nobody, carries the present seal from now on. */
  | { readonly kind: 'sealed'; readonly revision: number }
  /** Something outside `apply` (an edited file) cannot be accepted; the last good state stays. */
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] }
  /** What is stored had been lost, and was written again as it was: documents, and entries of these tables. Nothing else changes. */
  | {
      readonly kind: 'restored';
      readonly documents: boolean;
      readonly entries: number;
      readonly tables: readonly string[];
    };

/** What a store cannot do now. It recovers by itself. */
export interface StoreTrouble {
  /** `away`: what is in force is the last good state, and may be stale. `read-only`: it is up to date, changes are refused. */
  readonly kind: 'away' | 'read-only';
  /** Epoch milliseconds. */
  readonly since: number;
  readonly reason: string;
}

export interface Store {
  /** The last good state; `nothingStored`, which nobody judges, before the first apply; undefined while nothing could be loaded yet. */
  state(): StoreState | undefined;
  /** What is wrong with stored documents that are not in force; empty if all is well. */
  problems(): readonly Problem[];
  /** Undefined while all is well. Absent: it is never unavailable. */
  trouble?(): StoreTrouble | undefined;
  /** What an apply of `changes` would result in now. An apply of the same array reuses this, unless something changed meanwhile. */
  plan(changes: readonly Change[]): Planned;
  /**
   * All changes or none. `check` sees the resulting state, and its errors refuse the change (`invalid`). Returns the new revision; equal
   * content is not a change and keeps the revision. Throws `unavailable` if it cannot be written, `aborted` on a conflict,
   * `failed_precondition` if read-only.
   */
  apply(changes: readonly Change[], options: ApplyOptions): Promise<ApplyResult>;
  /** The last revisions, newest first, each with what it changed. Those from before the store kept any are missing. */
  history(): Promise<readonly Revision[]>;
  /** Events from now on, one at a time, in order. The returned function unsubscribes. */
  watch(listener: (event: StoreEvent) => void): () => void;
  /** What somebody wrote into the store directly, and is not in force. Absent: nobody else writes there, or not in this way. */
  readonly direct?: DirectEdits;
  /** The states that it could start with again. Absent: it keeps none. */
  readonly lastGood?: LastGood;
  /** A persistent table of that name (letters, digits, hyphens). The same name is the same table. */
  table(name: string): Table;
  /**
   * Every entry of every table, at one moment, for moving to another store. Throws `aborted` if others keep writing. Absent: nothing
   * outlives the process.
   */
  entries?(): Promise<readonly StoredEntry[]>;
  close(): Promise<void>;
}

/** As it is moved from one store to another. */
export interface StoredEntry {
  readonly table: string;
  readonly key: string;
  readonly value: Json;
  /** When it ends, epoch milliseconds. Absent: never. */
  readonly until?: number;
}

/** `base`: what is in force. `problems` of documents among the changes stand under their key as the file, others where they are. */
export type Planned = { readonly base: StoreState; readonly problems: readonly Problem[] } & (
  | { readonly kind: 'next'; readonly after: Judged; readonly changed: readonly DocumentKey[] }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'invalid' }
);

/**
 * Problems stand as in `Planned`. `restored`: documents that were named and are in force as they were, in whose place somebody had written
 * something directly that was refused: what is in force stands there again. Absent: none.
 */
export type ApplyResult =
  | {
      readonly kind: 'applied';
      readonly revision: number;
      readonly changed: readonly DocumentKey[];
      readonly warnings: readonly Problem[];
      readonly restored?: readonly DocumentKey[];
    }
  | {
      readonly kind: 'unchanged';
      readonly revision: number;
      readonly warnings: readonly Problem[];
      readonly restored?: readonly DocumentKey[];
    }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };
