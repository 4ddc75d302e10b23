// Of the trust bundles that this process heard of, from several sides and in any order: the newest one.

export interface HeardBundle {
  /** PEM of the roots. */
  readonly bundle: string;
  /** Absent: of an older control plane, which never says. */
  readonly sequence?: number;
}

export interface NewestRoots {
  /** Takes it into account; answers the newest one's PEM. */
  hear(heard: HeardBundle): string;
  /** 0: none that has one was heard of. */
  sequence(): number;
}

export function createNewestRoots(): NewestRoots {
  let newest: { readonly bundle: string; readonly sequence: number } | undefined;
  return {
    hear({ bundle, sequence = newest?.sequence ?? 0 }) {
      if (newest === undefined || sequence >= newest.sequence) newest = { bundle, sequence };
      return newest.bundle;
    },
    sequence: () => newest?.sequence ?? 0,
  };
}
