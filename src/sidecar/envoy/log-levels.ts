// Has this Envoy log more, or less, for a while, as an operator asked. The levels of before come back by themselves, whatever becomes of
// the control plane; and with the next start of Envoy.
import { deliver } from '../../identity-api/deliver.ts';
import { type BundleReply, identityPaths } from '../../identity-api/identity-protocol.ts';
import { everyLogger, type LogLevelsOrder, type LogLevelsReport } from '../../identity-api/log-levels-order.ts';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { ControlPlanes } from '../servers/control-planes.ts';
import type { StoredSvid } from '../svid/svid-files.ts';
import type { AdminAddress } from './bootstrap.ts';
import { readStats } from './read-stats.ts';

export interface LogLevelsOptions {
  readonly admin: () => AdminAddress | undefined;
  readonly servers: Pick<ControlPlanes, 'identity'>;
  readonly svid: () => StoredSvid;
  readonly instance: string;
  readonly run: string;
  /** With which Envoy was started. */
  readonly level: string;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Log;
}

export interface LogLevels {
  /** Takes the order that an answer of the control plane may hold, and passes the answer on. The same order may come again. */
  before(next: (reply: BundleReply) => void): (reply: BundleReply) => void;
  close(): void;
}

const againMs = 5000;
const timeoutMs = 3000;
const maxKnown = 100;

export function createLogLevels(options: LogLevelsOptions): LogLevels {
  const { admin, servers, svid, instance, run, level, clock, log } = options;
  /** Of loggers whose level is another one for now: that of before. */
  const before = new Map<string, string>();
  /** What holds now, by order and logger; the later one wins. */
  const holding = new Map<string, ReadonlyMap<string, string>>();
  const known = new Set<string>();
  const cancels = new Map<string, () => void>();
  let closed = false;
  /** One after the other: what one finds, the one before has done. */
  let turn = Promise.resolve();

  async function obey({ id, levels, forMs }: LogLevelsOrder): Promise<number> {
    const now = await loggers();
    const wanted = new Map<string, string>();
    const every = levels[everyLogger];
    if (every !== undefined) for (const name of now.keys()) wanted.set(name, every);
    for (const [name, wish] of Object.entries(levels)) if (name !== everyLogger) wanted.set(name, wish);
    const unknown = [...wanted.keys()].find((name) => !now.has(name));
    if (unknown !== undefined) {
      throw new CellwallError('not_found', `Envoy has no logger "${unknown}"; it has: ${[...now.keys()].join(', ')}`);
    }
    if (wanted.size === 0) {
      const back = before.size;
      await release([...holding.keys()]);
      log.info({ loggers: back }, "Envoy's log levels are those of before again, as an operator asked");
      return back;
    }
    for (const [name, found] of now) {
      // `config` alone is silenced for a while at times (quiet-while-away.ts).
      if (wanted.has(name) && !before.has(name)) before.set(name, name === 'config' ? level : found);
    }
    await set(wanted);
    holding.set(id, wanted);
    cancels.set(
      id,
      clock.after(forMs, () => giveBack(id)),
    );
    log.warn({ levels, seconds: Math.round(forMs / 1000) }, "an operator changed Envoy's log levels for a while");
    return wanted.size;
  }

  /** Until Envoy has heard it. */
  function giveBack(id: string): void {
    turn = turn
      .then(() => release([id]))
      .then(
        () => log.info({ loggers: before.size }, 'a change of log levels has ended; so many loggers are changed still'),
        () => {
          if (!closed)
            cancels.set(
              id,
              clock.after(againMs, () => giveBack(id)),
            );
        },
      );
  }

  /** Loggers get what an order that still holds says, or what was before. */
  async function release(ids: readonly string[]): Promise<void> {
    const names = new Set(ids.flatMap((id) => [...(holding.get(id)?.keys() ?? [])]));
    const left = [...holding].filter(([id]) => !ids.includes(id)).map(([, levels]) => levels);
    const still = (name: string): string | undefined => left.findLast((levels) => levels.has(name))?.get(name);
    const next = new Map([...names].map((name) => [name, still(name) ?? before.get(name) ?? level]));
    if (next.size > 0) await set(next);
    for (const name of names) if (still(name) === undefined) before.delete(name);
    for (const id of ids) {
      holding.delete(id);
      cancels.get(id)?.();
      cancels.delete(id);
    }
  }

  async function set(wanted: ReadonlyMap<string, string>): Promise<void> {
    await readStats(address(), `/logging?paths=${[...wanted].map((pair) => pair.join(':')).join(',')}`, 'POST');
  }

  async function loggers(): Promise<ReadonlyMap<string, string>> {
    const text = await readStats(address(), '/logging', 'POST');
    return new Map(
      [...text.matchAll(/^ +([a-z0-9_]+): ([a-z]+)$/gm)].map(([, name = '', found = '']) => [name, found]),
    );
  }

  function address(): AdminAddress {
    const found = admin();
    if (found !== undefined) return found;
    throw new CellwallError('unavailable', 'Envoy has not started yet');
  }

  async function report(about: Omit<LogLevelsReport, 'instance' | 'run'>): Promise<void> {
    const body = async (): Promise<object> => ({ instance, run, ...about });
    await deliver({ ...servers.identity(), svid: svid(), timeoutMs, path: identityPaths.logLevels, body }).catch(
      (reason: unknown) => log.debug({ reason: CellwallError.from(reason).message }, 'log levels were not reported'),
    );
  }

  return {
    before: (next) => (reply) => {
      take(reply.logLevels);
      next(reply);
    },
    close() {
      closed = true;
      for (const cancel of cancels.values()) cancel();
    },
  };

  function take(order: LogLevelsOrder | undefined): void {
    if (order === undefined || order.instance !== instance || known.has(order.id)) return;
    known.add(order.id);
    if (known.size > maxKnown) known.delete([...known][0] ?? '');
    const { id } = order;
    turn = turn
      .then(() => obey(order))
      .then(
        (count) => report({ id, loggers: count }),
        (reason: unknown) => report({ id, loggers: 0, failed: CellwallError.from(reason).message.slice(0, 2000) }),
      );
  }
}
