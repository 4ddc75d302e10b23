// Whether Redis can be used, as told by looks at it: nothing flaps with a connection that is lost for a moment.
import type { Clock } from '../../lib/clock.ts';
import type { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { StoreTrouble } from '../store.ts';

export interface Trouble {
  /** A look was answered; `refused`: why what waits to be written is not taken. */
  answered(refused: CellwallError | undefined): void;
  /** `lasting`: it is not for a moment only. */
  failed(reason: CellwallError, lasting?: true): void;
  now(): StoreTrouble | undefined;
  /** Why it is not even asked: undefined as long as it may only be a moment. */
  away(): CellwallError | undefined;
}

interface Lasting {
  readonly kind: StoreTrouble['kind'];
  readonly since: number;
  readonly from: number;
  readonly reason: CellwallError;
  readonly told: boolean;
}

/** What lasts no longer is no trouble. */
const momentMs = 1000;

export function createTrouble({ clock, log }: { readonly clock: Clock; readonly log: Log }): Trouble {
  let lasting: Lasting | undefined;
  const current = (): Lasting | undefined =>
    lasting !== undefined && clock.monotonic() - lasting.from >= momentMs ? lasting : undefined;
  const set = (kind: StoreTrouble['kind'], reason: CellwallError, sure = false): void => {
    const begun = { since: clock.now(), from: clock.monotonic(), told: false };
    const same = lasting?.kind === kind ? lasting : begun;
    lasting = { ...same, kind, reason, ...(sure ? { from: Math.min(same.from, begun.from - 2 * momentMs) } : {}) };
    if (lasting.told || current() === undefined) return;
    lasting = { ...lasting, told: true };
    const what = kind === 'away' ? 'Redis is unavailable: the last good state stays' : 'Redis takes no writes';
    log.warn({ reason: reason.message }, `${what}, changes are refused`);
  };
  return {
    answered(refused) {
      if (refused !== undefined) set('read-only', refused);
      else if (lasting?.told === true)
        log.info({ seconds: Math.round((clock.monotonic() - lasting.from) / 1000) }, 'Redis is back');
      if (refused === undefined) lasting = undefined;
    },
    failed: (reason, lasts) => set('away', reason, lasts),
    now() {
      const found = current();
      return found === undefined ? undefined : { kind: found.kind, since: found.since, reason: found.reason.message };
    },
    away() {
      const found = current();
      return found?.kind === 'away' ? found.reason : undefined;
    },
  };
}
