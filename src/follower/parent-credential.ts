// What a follower proves itself with to its parent: an SVID of its own, in files, renewed at half of its life, when its root goes or is on
// its way out, and when the parent does not take it.
import { type RootsRecord, retiringRoots, rootName } from '../identity/roots/roots-record.ts';
import { issuedAt } from '../identity/rotation.ts';
import { createWatched, type Watched } from '../lib/watchable.ts';
import { type ObtainSvidDeps, obtainSvid } from '../sidecar/svid/obtain-svid.ts';
import type { StoredSvid } from '../sidecar/svid/svid-files.ts';
import { isUnder, rootsOf } from '../sidecar/svid/under-roots.ts';

export interface ParentCredential {
  /** That of the last run at first. Undefined: there never was one. */
  readonly svid: Watched<StoredSvid | undefined>;
  /** The one to use now, new if that is due and possible. Throws if there is none. */
  obtain(): Promise<StoredSvid>;
  /** Milliseconds until it is to be renewed. */
  dueIn(svid: StoredSvid): number;
  /** Whether one of the roots that stay vouches for it. */
  stays(svid: StoredSvid): boolean;
  /** The parent did not take it, or is not the one that is known: the next time other proofs are tried first. */
  doubt(): void;
  /** The parent took it. */
  trust(): void;
}

export interface ParentCredentialDeps extends ObtainSvidDeps {
  /** The state of the parent's roots, as far as it is known. */
  readonly record: () => RootsRecord | undefined;
  readonly onBundle: (bundle: string) => void;
}

/** One whose root is on its way out is asked for again after so long, where the parent gave none under another. */
const againMs = 2000;

export function createParentCredential({ record, onBundle, ...means }: ParentCredentialDeps): ParentCredential {
  const { files, clock } = means;
  const svid = createWatched<StoredSvid | undefined>(files.read());
  let doubted = false;
  const stays = ({ chain, bundle }: StoredSvid): boolean => {
    const known = record();
    const leaving = known === undefined ? [] : retiringRoots(known).map(rootName);
    return isUnder(chain, rootsOf(bundle, leaving));
  };
  return {
    svid,
    stays,
    async obtain() {
      const current = svid.value();
      const now = clock.now();
      if (current !== undefined && !doubted && stays(current) && now < halfOf(current)) return current;
      try {
        const fresh = await obtainSvid(means);
        doubted = false;
        svid.set(fresh);
        onBundle(fresh.bundle);
        return fresh;
      } catch (reason) {
        if (current !== undefined && now < current.notAfter.getTime()) return current;
        throw reason;
      }
    },
    dueIn: (one) => (stays(one) ? halfOf(one) - clock.now() : againMs),
    doubt() {
      doubted = true;
    },
    trust() {
      doubted = false;
    },
  };
}

function halfOf(svid: StoredSvid): number {
  return (issuedAt(svid) + svid.notAfter.getTime()) / 2;
}
