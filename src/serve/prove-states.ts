// When a state of the documents counts as good: it has been in force for a while, and no proxy has rejected anything meanwhile.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { Store } from '../store/store.ts';

export interface ProveStatesDeps {
  readonly store: Pick<Store, 'state' | 'watch' | 'lastGood'>;
  /** All, at whichever control plane they are. */
  readonly proxies: () => Promise<readonly Pick<ProxyStatus, 'types'>[]>;
  readonly clock: Clock;
  readonly log: Log;
  /** How long. Default 60. */
  readonly soakSeconds: number | undefined;
}

export interface ProveStates {
  /** A proxy rejected something: the time begins again. */
  rejected(): void;
  stop(): void;
}

/** Begins with what is in force. For a store that keeps no last good states it does nothing. */
export function proveStates({ store, proxies, clock, log, soakSeconds = 60 }: ProveStatesDeps): ProveStates {
  const { lastGood } = store;
  if (lastGood === undefined) return { rejected: () => {}, stop: () => {} };
  let cancel = (): void => {};
  let turn = 0;
  const begin = (): void => {
    turn += 1;
    const own = turn;
    cancel();
    cancel = clock.after(soakSeconds * 1000, () => {
      void proxies().then((all) => {
        // It began again while the others were asked.
        if (own !== turn) return;
        if (all.some(({ types }) => types.some(({ nack }) => nack !== undefined))) return begin();
        const revision = store.state()?.revision;
        if (revision === undefined || revision === 0) return;
        lastGood.prove();
        log.debug({ revision }, 'the documents in force count as good');
      });
    });
  };
  begin();
  const unwatch = store.watch((event) => {
    if (event.kind === 'state') begin();
  });
  return {
    rejected: begin,
    stop() {
      turn += 1;
      cancel();
      unwatch();
    },
  };
}
