// Who is signed for first when an authority is busy: whoever has a certificate that still holds, by what is left of it; then hosts that
// come back; then new ones. So a storm of joins, at a slow authority or after one that was away, lets nothing end that is in use.
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';

export interface Turn {
  /** When the certificate ends that is to be replaced, epoch milliseconds, as it was verified. Absent: there is none. */
  readonly ends?: number | undefined;
  /** It had one before. */
  readonly back?: boolean;
  /** Whose request it is. Absent: nobody's. */
  readonly host?: string | undefined;
}

export interface SigningTurns {
  /**
   * Does the work when it is its turn, at once if nobody waits. `waited`: whether it had to wait, so that what was known before may be
   * out of date. Throws `unavailable` if too many wait, or it took too long.
   */
  take<T>(turn: Turn, work: (waited: boolean) => Promise<T>): Promise<T>;
  /** How many wait. */
  waiting(): number;
}

export interface SigningTurnsOptions {
  readonly clock: Pick<Clock, 'now' | 'after'>;
  /** Signatures at the same time. Default 8. */
  readonly parallel?: number;
  /** Default 20,000. */
  readonly mostWaiting?: number;
  /** Whoever asked has given up by then, and asks again. Default 20 s. */
  readonly mostWaitMs?: number;
}

interface Waiting {
  readonly host: string | undefined;
  /** What comes first: by each, in this order. */
  readonly order: readonly [rank: number, round: number, by: number];
  readonly begin: () => void;
  readonly refuse: (reason: CellwallError) => void;
}

/** So many of a host are in no way behind those of others: proxies that share a host. */
const ofHostAtOnce = 16;
/** Of so many turns one is for who has no certificate, however many have: new ones wait longer, not for ever. */
const oneOf = 4;

export function createSigningTurns(options: SigningTurnsOptions): SigningTurns {
  const { clock, parallel = 8, mostWaiting = 20_000, mostWaitMs = 20_000 } = options;
  /** Both in order. */
  const [live, others]: [Waiting[], Waiting[]] = [[], []];
  const ofHost = new Map<string, number>();
  let [running, sinceOthers, arrived] = [0, 0, 0];

  const count = (host: string | undefined, by: number): number => {
    if (host === undefined) return 0;
    const before = ofHost.get(host) ?? 0;
    if (before + by > 0) ofHost.set(host, before + by);
    else ofHost.delete(host);
    return before;
  };
  const next = (): void => {
    while (running < parallel) {
      const turnOfOthers = others.length > 0 && (live.length === 0 || sinceOthers >= oneOf - 1);
      const first = turnOfOthers ? others.shift() : live.shift();
      if (first === undefined) return;
      sinceOthers = turnOfOthers ? 0 : sinceOthers + 1;
      count(first.host, -1);
      first.begin();
    }
  };
  const makeRoom = (isLive: boolean): void => {
    if (live.length + others.length < mostWaiting) return;
    const busy = refused('too many wait for a certificate');
    const last = isLive ? others.pop() : undefined;
    if (last === undefined) throw busy;
    count(last.host, -1);
    last.refuse(busy);
  };
  const run = async <T>(work: (waited: boolean) => Promise<T>, waited: boolean): Promise<T> => {
    running += 1;
    try {
      return await work(waited);
    } finally {
      running -= 1;
      next();
    }
  };
  return {
    async take({ ends, back = false, host }, work) {
      if (running < parallel && live.length + others.length === 0) return run(work, false);
      const isLive = ends !== undefined && ends > clock.now();
      makeRoom(isLive);
      arrived += 1;
      const round = Math.floor(count(host, 1) / ofHostAtOnce);
      const rank = isLive || back || ends !== undefined ? 0 : 1;
      const order = [rank, round, isLive ? ends : arrived] as const;
      return new Promise((resolve, reject) => {
        const queue = isLive ? live : others;
        const one: Waiting = {
          ...{ host, order },
          begin() {
            cancel();
            run(work, true).then(resolve, reject);
          },
          refuse(reason) {
            cancel();
            reject(reason);
          },
        };
        const cancel = clock.after(mostWaitMs, () => {
          queue.splice(queue.indexOf(one), 1);
          count(host, -1);
          reject(refused('a certificate took too long'));
        });
        insert(queue, one);
        next();
      });
    },
    waiting: () => live.length + others.length,
  };
}

function refused(why: string): CellwallError {
  const hint = 'it is asked for again by itself; the log of the control plane says whether its CA is slow';
  return new CellwallError('unavailable', why, { hint });
}

/** After those of the same order. */
function insert(sorted: Waiting[], one: Waiting): void {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = sorted[middle];
    if (other !== undefined && isBefore(one.order, other.order)) high = middle;
    else low = middle + 1;
  }
  sorted.splice(low, 0, one);
}

function isBefore(a: Waiting['order'], b: Waiting['order']): boolean {
  const [rank, round, by] = a;
  const [otherRank, otherRound, otherBy] = b;
  if (rank !== otherRank) return rank < otherRank;
  return round === otherRound ? by < otherBy : round < otherRound;
}
