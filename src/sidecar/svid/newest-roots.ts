// The newest of the trust bundles that this process received, from several sources and in any order.

export interface HeardBundle {
  /** PEM of the roots. */
  readonly bundle: string;
  /** Absent: from an older control plane, which never says. */
  readonly sequence?: number;
  /** Names of the roots that are on their way out. */
  readonly retiring?: readonly string[];
  /** The control plane wants this host to have a new certificate now. */
  readonly renew?: true;
}

export interface NewestRoots {
  /** Takes it into account; returns the newest one's PEM. */
  hear(heard: HeardBundle): string;
  /** 0: none with a sequence was received. */
  sequence(): number;
}

/** One without a sequence counts as new as the newest. */
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
