// Helpers that wait for the roots of the trust domain to change: each holds one request open and is answered the moment they do, so that
// nobody has to poll.
import type { ServerResponse } from 'node:http';
import { rootName } from '../identity/roots/roots-record.ts';
import { bundlePem, maxRoots, type TrustBundle } from '../identity/trust-bundle.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { BundleReply } from './identity-protocol.ts';

export interface BundleWaiters {
  /**
   * Resolves at once if the bundle is newer than `after`, otherwise as soon as it is. `who`: whose requests are counted together. `roots`:
   * names of those that it has, as it says. `check` throws if it may not wait any longer.
   */
  wait(after: number, who: string, response: ServerResponse, roots?: readonly string[], check?: () => void): void;
  /** Somebody was banned or evicted: whoever `check` throws for is answered with that. `refuse` sends the answer. */
  turnAway(refuse: (response: ServerResponse, reason: CellwallError) => void): void;
  /** Names of the roots that whoever waits in that name has, as it says: of several, the last one. Undefined: nobody waits. */
  trusting(who: string): readonly string[] | undefined;
  /** Tells whoever waits in that name, or else asks next, to renew its certificate now. False: too many are to be told. */
  renew(who: string): boolean;
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
  const trusted = new Map<string, Map<ServerResponse, readonly string[]>>();
  const counts = new Map<string, number>();
  /** They did not wait when they were to renew. */
  const toTell = new Set<string>();
  const leave = (response: ServerResponse): void => {
    const who = waiting.get(response);
    if (who === undefined) return;
    waiting.delete(response);
    trusted.get(who)?.delete(response);
    if (trusted.get(who)?.size === 0) trusted.delete(who);
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
    wait(after, who, response, roots = [], check = () => {}) {
      if (toTell.delete(who)) return send(response, replyOf(bundle.value(), { renew: true }));
      if (bundle.value().sequence > after) return send(response, replyOf(bundle.value()));
      const count = counts.get(who) ?? 0;
      if (count >= maxOfOne || waiting.size >= maxWaiting) {
        throw new CellwallError('resource_exhausted', 'too many wait for the bundle', {
          hint: 'ask again in a minute',
        });
      }
      waiting.set(response, who);
      checks.set(response, check);
      trusted.set(who, (trusted.get(who) ?? new Map<ServerResponse, readonly string[]>()).set(response, roots));
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
    trusting(who) {
      // A connection that was lost may not have been noticed yet: what its successor says is later.
      return [...(trusted.get(who)?.values() ?? [])].at(-1);
    },
    renew(who) {
      const found = [...(trusted.get(who)?.keys() ?? [])];
      if (found.length === 0 && toTell.size >= maxWaiting) return false;
      if (found.length === 0) toTell.add(who);
      const body = replyOf(bundle.value(), { renew: true });
      for (const response of found) {
        leave(response);
        send(response, body);
      }
      return true;
    },
    close: unwatch,
  };
}

function replyOf(bundle: TrustBundle, more: Pick<BundleReply, 'renew'> = {}): string {
  const { sequence, retiring } = bundle;
  const names = retiring === undefined ? {} : { retiring: retiring.map(rootName) };
  const reply: BundleReply = { sequence, bundle: bundlePem(bundle), ...names, ...more };
  return JSON.stringify(reply);
}

function send(response: ServerResponse, body: string): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store', connection: 'close' };
  response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}

/** As `?roots=` has them: separated by commas. What is none is ignored. */
export function readRootNames(text: string | null): readonly string[] {
  return (text ?? '').split(',', maxRoots).filter((name) => /^[A-Za-z0-9_-]{12}$/.test(name));
}
