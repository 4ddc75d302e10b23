// JWT-SVIDs for the programs beside a helper: asked for at the control plane, kept for half of their life; and the keys that verify them,
// which are asked for from the first use on, more often than a key is published before it signs.

import type { ForeignTrust } from '../../identity-api/foreign-trust.ts';
import { fetchForeignTrust, fetchJwt, fetchJwtKeys } from '../../identity-api/jwt-client.ts';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { createWatched, type Watchable } from '../../lib/watchable.ts';
import type { JwtSource } from '../../workload-api/jwt-methods.ts';
import type { ControlPlanes } from '../servers/control-planes.ts';
import { firstThatAnswers } from '../servers/first-that-answers.ts';
import { createKeptTokens } from './kept-tokens.ts';
import type { StoredSvid } from './svid-files.ts';

export interface JwtSourceOptions {
  readonly servers: ControlPlanes;
  readonly svid: () => StoredSvid;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
}

const keysEveryMs = 60_000;
/** For a token with a key that is not known: somebody may send such tokens all day. */
const soonestMs = 5000;

export function createJwtSource({ servers, svid, clock, log, signal }: JwtSourceOptions): JwtSource {
  const keys = createWatched<string | undefined>(undefined);
  let asking: Promise<void> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let polls = false;
  const foreign = createWatched<readonly ForeignTrust[]>([]);
  let asksForeign = false;
  let askingForeign: Promise<void> | undefined;
  let askedForeignAt = Number.NEGATIVE_INFINITY;

  const asked = <T>(
    attempt: (at: { readonly host: string; readonly port: number; readonly svid: StoredSvid }) => Promise<T>,
  ) => firstThatAnswers(servers, (identity) => attempt({ ...identity, svid: svid() }), { log, signal });

  function refresh(): Promise<void> {
    if (clock.monotonic() - askedAt < soonestMs && asking === undefined) return Promise.resolve();
    asking ??= asked(fetchJwtKeys)
      .then(keys.set)
      .finally(() => {
        askedAt = clock.monotonic();
        asking = undefined;
      });
    return asking;
  }

  function poll(): void {
    if (polls) return;
    polls = true;
    let cancel = (): void => {};
    const next = (): void => {
      if (signal.aborted) return;
      cancel = clock.after(keysEveryMs, () => {
        refresh()
          .catch((reason: unknown) => {
            const { message } = CellwallError.from(reason);
            log.warn({ reason: message }, 'the keys of JWT-SVIDs cannot be fetched now: the known ones stay');
          })
          .finally(next);
      });
    };
    next();
    signal.addEventListener('abort', () => cancel(), { once: true });
  }

  function refreshForeign(): Promise<void> {
    if (clock.monotonic() - askedForeignAt < soonestMs && askingForeign === undefined) return Promise.resolve();
    askingForeign ??= asked(fetchForeignTrust)
      .then((found) => {
        if (JSON.stringify(found) !== JSON.stringify(foreign.value())) foreign.set(found);
      })
      .catch((reason: unknown) => {
        // An older control plane knows none.
        if (CellwallError.from(reason).code !== 'not_found') throw reason;
      })
      .finally(() => {
        askedForeignAt = clock.monotonic();
        askingForeign = undefined;
      });
    return askingForeign;
  }

  /** Within a minute of a change, from the first use on. */
  function pollForeign(): void {
    if (asksForeign) return;
    asksForeign = true;
    let cancel = (): void => {};
    const next = (): void => {
      refreshForeign()
        .catch((reason: unknown) => {
          const { message } = CellwallError.from(reason);
          if (!signal.aborted)
            log.warn({ reason: message }, 'foreign trust domains cannot be asked for now: the known ones stay');
        })
        .finally(() => {
          if (!signal.aborted) cancel = clock.after(keysEveryMs, next);
        });
    };
    next();
    signal.addEventListener('abort', () => cancel(), { once: true });
  }

  return {
    foreign() {
      pollForeign();
      return foreign;
    },
    refreshForeign,
    fetch: createKeptTokens({ ask: (audience) => asked((at) => fetchJwt(at, audience)), clock }),
    async keys(): Promise<Watchable<string | undefined>> {
      poll();
      if (keys.value() === undefined) await refresh();
      return keys;
    },
    refresh,
  };
}
