// In a cell's own control plane: whom its parent bans is banned here, from before the first port is open, if the parent can be asked.
import type { Follower } from '../follower/follower.ts';
import type { Ban } from '../identity/ban/ban.ts';
import type { Bans } from '../identity/ban/bans.ts';
import type { Clock } from '../lib/clock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';

export interface HeardBans {
  /** Called for each that is new, those of before first. Once. */
  each(listener: (ban: Ban) => void): void;
}

export interface HearBansDeps {
  /** Absent: there is none. */
  readonly parent: Follower['bans'] | undefined;
  readonly bans: Pick<Bans, 'hear'>;
  readonly clock: Clock;
  readonly lifecycle: Lifecycle;
}

/** A parent that does not answer is not waited for any longer: the cell goes on without it. */
const longestWaitMs = 3000;

/** Resolves once the parent has said who is banned, or is known to be away. */
export async function hearBans({ parent, bans, clock, lifecycle }: HearBansDeps): Promise<HeardBans> {
  const early: Ban[] = [];
  let told = (ban: Ban): void => void early.push(ban);
  if (parent !== undefined) {
    const hear = (): void => {
      for (const ban of bans.hear(parent.bans.value() ?? new Map())) told(ban);
    };
    const unwatch = parent.bans.watch(hear);
    lifecycle.defer("the parent's bans", async () => unwatch());
    await new Promise<void>((resolve) => {
      const cancel = clock.after(longestWaitMs, resolve);
      void parent.tried.then(() => {
        cancel();
        resolve();
      });
    });
    hear();
  }
  return {
    each(listener) {
      told = listener;
      for (const ban of early.splice(0)) listener(ban);
    },
  };
}
