// The roots of a CA that can replace its root, and how far a replacement has come: an immutable value, and the pure steps between two of
// them. It is what survives a crash: every phase does again what it may have done already.
import { X509Certificate } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { certificateFingerprint } from '../x509/fingerprint.ts';

/**
 * `published`: in everybody's bundle, signs nothing yet. `active`: certifies intermediates. `retiring`: still trusted, certifies nothing
 * any more. `tainted`: likewise, and its key is destroyed.
 */
export type RootState = 'published' | 'active' | 'retiring' | 'tainted';

export interface TrackedRoot {
  /** Where its files are, below the CA's folder. */
  readonly folder: string;
  readonly pem: string;
  readonly state: RootState;
}

/** In this order. What holds each up is in gates.ts. */
export const rotationPhases = ['prepare', 'publish', 'activate', 'renew', 'taint', 'remove'] as const;
export type RotationPhase = (typeof rotationPhases)[number];

/** In which what the old root vouches for is renewed. */
export const renewingPhases: readonly RotationPhase[] = ['activate', 'renew', 'taint'];

/** Times are epoch milliseconds. */
export interface Rotation {
  /** Names the folder of the new root: a repeated `prepare` finds the one that it made. */
  readonly id: string;
  readonly phase: RotationPhase;
  readonly startedAt: number;
  /** When this phase began. */
  readonly since: number;
  readonly by: string;
  readonly reason?: string;
  /** For how long nothing under the old root must have been seen before it is removed, milliseconds. */
  readonly quietMs: number;
  /** The old root's key is in wrong hands: no phase is held up for longer than a moment. */
  readonly compromised?: true;
  /** Back to the old root: the new one is the one that is removed. */
  readonly aborting?: true;
  /** Whom it left behind so far. */
  readonly cut?: readonly string[];
}

export interface EndedRotation {
  readonly id: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: 'rotated' | 'aborted';
  /** Whom a rotation of a compromised root left behind. */
  readonly cut: readonly string[];
}

export interface RootsRecord {
  /** Higher with every change. */
  readonly version: number;
  /**
   * That of the trust bundle with these roots, so that it is the same at all control planes that share the record. Higher with every
   * change. Absent: the root was never replaced, or by an earlier version.
   */
  readonly sequence?: number;
  /** Trusted; exactly one is active. */
  readonly roots: readonly TrackedRoot[];
  readonly rotation?: Rotation;
  readonly last?: EndedRotation;
  /** PEM; the latest first. What is left of them on the disk is not a damaged backup. */
  readonly removed: readonly string[];
}

/** Of more it is not known that they were this CA's: a control plane that was away for so many rotations takes the CA for another one. */
const keptRemoved = 32;

/** A CA that never replaced its root. */
export function firstRecord(pem: string): RootsRecord {
  return { version: 1, roots: [{ folder: 'root', pem, state: 'active' }], removed: [] };
}

/** A short name of a root, for records and people: the first 12 characters of its fingerprint, base64url. */
export function rootName(root: string | Uint8Array): string {
  return certificateFingerprint(typeof root === 'string' ? new X509Certificate(root).raw : root).slice(0, 12);
}

export function activeRoot({ roots }: Pick<RootsRecord, 'roots'>): TrackedRoot {
  const found = roots.find(({ state }) => state === 'active');
  if (found === undefined) throw new CellwallError('internal', 'no root signs');
  return found;
}

/** Trusted, and nothing is certified under them any more: PEM. */
export function retiringRoots({ roots }: Pick<RootsRecord, 'roots'>): readonly string[] {
  return roots.filter(({ state }) => state === 'retiring' || state === 'tainted').map(({ pem }) => pem);
}

/** Roots were removed of which nothing is known any more. */
export function forgetsRemoved({ removed }: Pick<RootsRecord, 'removed'>): boolean {
  return removed.length >= keptRemoved;
}

/** The folder of the root that a rotation makes. */
export function successorFolder({ id }: Pick<Rotation, 'id'>): string {
  return `roots/${id}`;
}

/** Throws `failed_precondition` while another one is under way. */
export function begin(record: RootsRecord, rotation: Omit<Rotation, 'phase' | 'since'>): RootsRecord {
  if (record.rotation !== undefined) {
    throw new CellwallError('failed_precondition', `a rotation is under way: it is at "${record.rotation.phase}"`, {
      hint: '"cellwall ca status" says what holds it up; "cellwall ca rotate --abort" goes back while that is possible',
    });
  }
  return later(record, { rotation: { ...rotation, phase: 'prepare', since: rotation.startedAt } });
}

/** The next phase, or the end. `successor`: PEM of the new root, from `prepare` on. `cut`: who is left behind by the removal. */
export function advance(
  record: RootsRecord,
  {
    successor,
    now,
    cut: more = [],
  }: { readonly successor?: string; readonly now: number; readonly cut?: readonly string[] },
): RootsRecord {
  const { rotation, roots } = record;
  if (rotation === undefined) return record;
  const all = [...new Set([...(rotation.cut ?? []), ...more])];
  const cut = all.length === 0 ? {} : { cut: all };
  const to = (phase: RotationPhase, next: readonly TrackedRoot[] = roots): RootsRecord =>
    later(record, { roots: next, rotation: { ...rotation, ...cut, phase, since: now } });
  switch (rotation.phase) {
    case 'prepare': {
      if (successor === undefined) throw new CellwallError('internal', 'there is no new root yet');
      const folder = successorFolder(rotation);
      return to('publish', [...roots, { folder, pem: successor, state: 'published' }]);
    }
    case 'publish':
      return to('activate', roots.map(changed({ published: 'active', active: 'retiring' })));
    case 'activate':
      return to('renew');
    case 'renew':
      return to('taint', roots.map(changed({ retiring: 'tainted' })));
    case 'taint': {
      const gone = roots.filter(({ state }) => state === 'tainted').map(({ pem }) => pem);
      const kept = roots.filter(({ state }) => state !== 'tainted');
      return { ...to('remove', kept), removed: [...gone, ...record.removed].slice(0, keptRemoved) };
    }
    case 'remove':
      return ended(record, { ...rotation, ...cut }, now);
    default:
      return rotation.phase satisfies never;
  }
}

/**
 * Back to the old root: at once while the new one has signed nothing, otherwise by moving everything back under the old one. Throws
 * `failed_precondition` once the old root's key is destroyed, or if there is nothing to abort.
 */
export function abort(record: RootsRecord, now: number): RootsRecord {
  const { rotation, roots } = record;
  if (rotation === undefined) throw new CellwallError('failed_precondition', 'no rotation is under way');
  if (rotation.aborting) throw new CellwallError('failed_precondition', 'this rotation is being aborted already');
  switch (rotation.phase) {
    case 'prepare':
    case 'publish': {
      const kept = { ...record, roots: roots.filter(({ state }) => state !== 'published') };
      return ended(kept, { ...rotation, aborting: true }, now);
    }
    case 'activate':
    case 'renew':
      return later(record, {
        roots: roots.map(changed({ active: 'retiring', retiring: 'active' })),
        rotation: { ...rotation, phase: 'activate', since: now, aborting: true },
      });
    case 'taint':
    case 'remove':
      throw new CellwallError('failed_precondition', "the old root's key is destroyed: there is no way back", {
        hint: 'let it end, and rotate again if the new root is not wanted',
      });
    default:
      return rotation.phase satisfies never;
  }
}

function ended(record: RootsRecord, { id, startedAt, aborting, cut = [] }: Rotation, now: number): RootsRecord {
  const { rotation: _, ...rest } = record;
  const outcome = aborting ? ('aborted' as const) : ('rotated' as const);
  return { ...rest, version: record.version + 1, last: { id, startedAt, endedAt: now, outcome, cut } };
}

function later(record: RootsRecord, changes: Partial<RootsRecord>): RootsRecord {
  return { ...record, ...changes, version: record.version + 1 };
}

function changed(to: Partial<Record<RootState, RootState>>): (root: TrackedRoot) => TrackedRoot {
  return (root) => ({ ...root, state: to[root.state] ?? root.state });
}
