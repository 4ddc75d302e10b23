// What a follower's documents become when its parent's are known: pure. Documents beyond its own cell are always the parent's; those of the
// cell may differ, where the parent allows that.
import { createHash } from 'node:crypto';

export interface MergeInput {
  /** Texts by key. */
  readonly parent: ReadonlyMap<string, string>;
  readonly own: ReadonlyMap<string, string>;
  /** Of documents that may be changed here: what the parent had when both were last compared (`versionOf`). Absent: nothing. */
  readonly base: ReadonlyMap<string, string>;
  readonly mayChange: (key: string) => boolean;
  readonly winner: 'parent' | 'local';
}

export interface Merged {
  /** Undefined: it goes. */
  readonly changes: ReadonlyMap<string, string | undefined>;
  /** Changed on both sides: one version is dropped. */
  readonly conflicts: readonly string[];
  /** Changed here alone: stays. */
  readonly local: readonly string[];
  readonly base: ReadonlyMap<string, string>;
}

export function merge({ parent, own, base, mayChange, winner }: MergeInput): Merged {
  const changes = new Map<string, string | undefined>();
  const [conflicts, local]: [string[], string[]] = [[], []];
  const next = new Map<string, string>();
  for (const key of [...new Set([...parent.keys(), ...own.keys()])].sort()) {
    const [theirs, ours] = [parent.get(key), own.get(key)];
    const free = mayChange(key);
    if (free && theirs !== undefined) next.set(key, versionOf(theirs));
    if (theirs === ours) continue;
    const before = base.get(key);
    const changedHere = ours === undefined ? before !== undefined : versionOf(ours) !== before;
    const changedThere = theirs === undefined ? before !== undefined : versionOf(theirs) !== before;
    if (!free || !changedHere) changes.set(key, theirs);
    else if (!changedThere) local.push(key);
    else {
      conflicts.push(key);
      if (winner === 'parent') changes.set(key, theirs);
      else local.push(key);
    }
  }
  return { changes, conflicts, local, base: next };
}

/** Short: it only tells versions of one document apart. */
export function versionOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
