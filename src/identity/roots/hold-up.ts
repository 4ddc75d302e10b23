// Who would be cut off by the next phase of a rotation.

/**
 * `proxy`: has not accepted what it was sent. `helper`: the process beside a proxy. `certificate`: one that is still good and not
 * replaced. `caller`: seen with such a certificate. `token`: a join token that names no root that stays. `publisher`, `replica`: as in
 * `status`. `follower`: the control plane of a cell, or somebody there. `quiet`: the time in which nothing under the old root must be seen
 * is not over.
 */
export const holdUpKinds = [
  'proxy',
  'helper',
  'certificate',
  'caller',
  'token',
  'publisher',
  'replica',
  'follower',
  'quiet',
] as const;

export interface HoldUp {
  readonly kind: (typeof holdUpKinds)[number];
  /** Its name, as in `status`. */
  readonly who: string;
  readonly why: string;
}

/** As one control plane finds it. */
export interface FoundHoldUp extends HoldUp {
  /** It is none if that host has what it needs, as another control plane may have heard from its helper. */
  readonly nodeKey?: string;
}
