// Helpers that wait for the roots of the trust domain to change: each holds one request open and is answered the moment they do, so that
// nobody has to poll.
import type { ServerResponse } from 'node:http';
import { rootName } from '../identity/roots/roots-record.ts';
import type { SaidInUse } from '../identity/roots/said-in-use.ts';
import { bundlePem, type TrustBundle } from '../identity/trust-bundle.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { BundleReply } from './identity-protocol.ts';
import type { LogLevelsOrder } from './log-levels-order.ts';

export interface BundleWaiters {
  /**
   * Resolves at once if the bundle is newer than `after`, otherwise as soon as it is. `who`: whose requests are counted together. `said`:
   * what it has, as it says. `check` throws if it may not wait any longer.
   */
  wait(after: number, who: string, response: ServerResponse, said?: SaidInUse, check?: () => void): void;
  /** Somebody was banned or evicted: whoever `check` throws for is answered with that. `refuse` sends the answer. */
  turnAway(refuse: (response: ServerResponse, reason: CellwallError) => void): void;
  /** What whoever waits in that name has, as it says: of several, the last one. Undefined: nobody waits. */
  inUse(who: string): SaidInUse | undefined;
  /** Tells whoever waits in that name, or else asks next, to renew its certificate now. False: too many are to be told. */
  renew(who: string): boolean;
  /**
   * Whoever waits in that name, or else asks next, is told of the order, again and again until what is returned takes it back; one after
   * the other.
   */
  order(who: string, order: LogLevelsOrder): () => void;
  close(): void;
}

/** Per host. A helper needs one; one that lost its connection may not have been noticed yet. */
const maxOfOne = 4;
const maxWaiting = 16_384;

/** The number of open requests is limited, for each and in total. */
export function createBundleWaiters(bundle: Watchable<TrustBundle>): BundleWaiters {
  /** In order of arrival. */
  const waiting = new Map<ServerResponse, string>();
  const checks = new WeakMap<ServerResponse, () => void>();
  const saying = new Map<string, Map<ServerResponse, SaidInUse>>();
  const counts = new Map<string, number>();
  /** They did not wait when they were to renew. */
  const toTell = new Set<string>();
  const orders = new Map<string, readonly LogLevelsOrder[]>();
  const leave = (response: ServerResponse): void => {
    const who = waiting.get(response);
    if (who === undefined) return;
    waiting.delete(response);
    saying.get(who)?.delete(response);
    if (saying.get(who)?.size === 0) saying.delete(who);
    const left = (counts.get(who) ?? 1) - 1;
    if (left > 0) counts.set(who, left);
    else counts.delete(who);
  };
  const unwatch = bundle.watch((next) => {
    const body = replyOf(next);
    for (const response of [...waiting.keys()]) {
      leave(response);
      send(response, body);
    }
  });
  return {
    wait(after, who, response, said = { roots: [] }, check = () => {}) {
      if (toTell.delete(who)) return send(response, replyOf(bundle.value(), { renew: true }));
      const logLevels = orders.get(who)?.[0];
      if (logLevels !== undefined) return send(response, replyOf(bundle.value(), { logLevels }));
      if (bundle.value().sequence > after) return send(response, replyOf(bundle.value()));
      const count = counts.get(who) ?? 0;
      if (count >= maxOfOne || waiting.size >= maxWaiting) {
        throw new CellwallError('resource_exhausted', 'too many wait for the bundle', {
          hint: 'ask again in a minute',
        });
      }
      waiting.set(response, who);
      checks.set(response, check);
      saying.set(who, (saying.get(who) ?? new Map<ServerResponse, SaidInUse>()).set(response, said));
      counts.set(who, count + 1);
      response.once('close', () => leave(response));
    },
    turnAway(refuse) {
      for (const response of [...waiting.keys()]) {
        try {
          checks.get(response)?.();
        } catch (reason) {
          leave(response);
          refuse(response, CellwallError.from(reason));
        }
      }
    },
    inUse(who) {
      // A connection that was lost may not have been noticed yet: what its successor says is later.
      return [...(saying.get(who)?.values() ?? [])].at(-1);
    },
    renew(who) {
      const found = [...(saying.get(who)?.keys() ?? [])];
      if (found.length === 0 && toTell.size >= maxWaiting) return false;
      if (found.length === 0) toTell.add(who);
      const body = replyOf(bundle.value(), { renew: true });
      for (const response of found) {
        leave(response);
        send(response, body);
      }
      return true;
    },
    order(who, order) {
      orders.set(who, [...(orders.get(who) ?? []), order]);
      const body = replyOf(bundle.value(), { logLevels: order });
      for (const response of [...(saying.get(who)?.keys() ?? [])]) {
        leave(response);
        send(response, body);
      }
      return () => {
        const rest = orders.get(who)?.filter((one) => one !== order) ?? [];
        if (rest.length > 0) orders.set(who, rest);
        else orders.delete(who);
      };
    },
    close: unwatch,
  };
}

function replyOf(bundle: TrustBundle, more: Pick<BundleReply, 'renew' | 'logLevels'> = {}): string {
  const { sequence, retiring } = bundle;
  const names = retiring === undefined ? {} : { retiring: retiring.map(rootName) };
  const reply: BundleReply = { sequence, bundle: bundlePem(bundle), ...names, ...more };
  return JSON.stringify(reply);
}

function send(response: ServerResponse, body: string): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store', connection: 'close' };
  response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}
