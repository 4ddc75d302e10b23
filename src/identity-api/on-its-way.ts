// What an attestor wrote and did not wait for (`AttestationContext.onKept`): it goes to the disk while the SVID is made and put on record,
// and the SVID is handed out only once it is there. One slow moment of the disk is waited for once instead of twice.

export interface OnItsWay {
  readonly onKept: (kept: Promise<void>) => void;
  /** Resolves when all of it is on the disk; rejects if some of it may not be. */
  arrived(): Promise<void>;
}

/** `lost`: undoes what the evidence has brought about meanwhile. Called by `arrived`, before it rejects. */
export function createOnItsWay(lost: () => Promise<void>): OnItsWay {
  const all: Promise<void>[] = [];
  return {
    onKept(kept) {
      // What fails before anybody asks for it is still told.
      kept.catch(() => {});
      all.push(kept);
    },
    async arrived() {
      try {
        await Promise.all(all);
      } catch (reason) {
        await lost();
        throw reason;
      }
    },
  };
}
