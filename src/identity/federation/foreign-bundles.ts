// The bundles of foreign trust domains that are in force: the last good one that was fetched, otherwise that of the document. Each control
// plane fetches for itself, by the endpoint's refresh hint; what one has, its replicas take over from the store, and an older one is never
// taken (`spiffe_sequence`). Whatever happens to the endpoint, the last good one stays, over a restart, too.
import { createHash } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Table } from '../../lib/table.ts';
import type { Watchable } from '../../lib/watchable.ts';
import type { TrustDomain } from '../../model/spiffe-id.ts';
import type { TrustBundle } from '../trust-bundle.ts';
import { type FetchBundle, type ForeignSource, fetchBundle } from './fetch-bundle.ts';
import { type ForeignBundle, readForeignBundle, sharesKey } from './foreign-bundle.ts';
import { type KeptBundle, readKept, writeKept } from './kept-bundle.ts';
import { sharedRoots } from './shared-roots.ts';

/** Times are epoch milliseconds. */
export interface ForeignBundleStatus {
  readonly trustDomain: TrustDomain;
  /** Of its endpoint; absent: the bundle is the document's. */
  readonly url?: string;
  /** How many roots are in force. 0: nobody of that trust domain is accepted. */
  readonly roots: number;
  readonly sequence?: number;
  /** When the one in force was last had from the endpoint, by this control plane or a replica. Absent: never, or there is no endpoint. */
  readonly fetchedAt?: number;
  /** Since the start. */
  readonly failures: number;
  /** Other foreign trust domains that have a root of the same key: whoever has that key can vouch for all of them. Absent: none. */
  readonly sharesRootWith?: readonly TrustDomain[];
  /** Why it could not be had last time, or is not in force. */
  readonly error?: { readonly message: string; readonly at: number };
}

export interface ForeignBundles {
  /** Reads those of before. Call once, first. */
  restore(): Promise<void>;
  /** The bundle in force; undefined: none is, and nobody is accepted. */
  of(source: ForeignSource): ForeignBundle | undefined;
  /** Those in force, of all that are followed. */
  all(): readonly ForeignBundle[];
  /** Fetches for these from now on, and for no others. */
  follow(sources: Iterable<ForeignSource>): void;
  status(): readonly ForeignBundleStatus[];
  stop(): void;
}

export interface ForeignBundlesDeps {
  /** Sealed: whoever could write roots could be anybody of that trust domain. */
  readonly table: Table;
  /** Our own: no other trust domain may have a key of it. */
  readonly own: Watchable<TrustBundle>;
  readonly clock: Clock;
  readonly log: Log;
  /** A bundle in force is another one. */
  readonly onChange: () => void;
  readonly fetch?: FetchBundle;
  /** 0 to 1, for times that replicas do not share. */
  readonly random?: () => number;
}

/** Without a hint (SPIFFE Federation §5.1.2); with one, within these. */
const everyMs = 300_000;
const leastMs = 10_000;
const mostMs = 3_600_000;
const afterFailureMs = 10_000;

interface Followed {
  readonly source: ForeignSource;
  readonly place: string;
  cancel: () => void;
  failures: number;
  /** Of them, those since it was last had. */
  inRow: number;
  error?: { readonly message: string; readonly at: number } | undefined;
}

export function createForeignBundles(deps: ForeignBundlesDeps): ForeignBundles {
  const { table, own, clock, log, onChange, fetch = fetchBundle, random = Math.random } = deps;
  /** By place: a document that says something else begins anew. */
  const known = new Map<string, KeptBundle>();
  const inline = new Map<string, ForeignBundle>();
  let followed: readonly Followed[] = [];

  /** Whether it vouches for us as well: then it is not in force. */
  const judged = new WeakMap<ForeignBundle, { readonly by: TrustBundle; readonly fault: string | undefined }>();
  const fault = (bundle: ForeignBundle): string | undefined => {
    const by = own.value();
    const last = judged.get(bundle);
    if (last?.by === by) return last.fault;
    const shared = sharesKey(bundle, by.roots);
    const found = shared ? 'a root of it has a key of this mesh, and could vouch for it' : undefined;
    judged.set(bundle, { by, fault: found });
    return found;
  };

  const candidate = (source: ForeignSource, place: string): ForeignBundle | undefined => {
    const fetched = known.get(place)?.bundle;
    if (fetched !== undefined || source.inline === undefined) return fetched;
    const read = inline.get(source.inline) ?? readForeignBundle(source.inline, source.trustDomain);
    inline.set(source.inline, read);
    return read;
  };

  const inForce = (source: ForeignSource, place: string): ForeignBundle | undefined => {
    const found = candidate(source, place);
    return found === undefined || fault(found) !== undefined ? undefined : found;
  };

  /** True if it is in force now, or was. That of the document may be the later one. */
  function take(place: string, next: KeptBundle): boolean {
    const source = followed.find((one) => one.place === place)?.source;
    const before = source === undefined ? known.get(place)?.bundle : candidate(source, place);
    if (before !== undefined && isOlder(next.bundle, before)) return false;
    known.set(place, next);
    if (before?.roots.join() === next.bundle.roots.join() && before.jwtKeys.join() === next.bundle.jwtKeys.join()) {
      return true;
    }
    const { trustDomain, sequence, roots } = next.bundle;
    log.warn(
      { trustDomain, ...defined({ sequence }), roots: roots.length },
      'the bundle of a foreign trust domain changed',
    );
    const others = sharedRoots(inForceNow()).get(trustDomain);
    if (others !== undefined) log.warn({ trustDomain, others }, 'foreign trust domains have a root of the same key');
    onChange();
    return true;
  }

  function inForceNow(): readonly ForeignBundle[] {
    return followed.flatMap(({ source, place }) => inForce(source, place) ?? []);
  }

  async function renew(one: Followed): Promise<void> {
    const { source, place } = one;
    const { trustDomain, endpoint } = source;
    if (endpoint === undefined) return;
    try {
      const { text, bundle } = await fetch(trustDomain, endpoint, inForce(source, place)?.roots ?? []);
      if (!followed.includes(one)) return;
      const wrong = fault(bundle);
      if (wrong !== undefined) throw new CellwallError('failed_precondition', wrong);
      if (!take(place, { text, bundle, at: clock.now() })) {
        const { sequence } = bundle;
        throw new CellwallError('failed_precondition', `the endpoint has an older bundle, of sequence ${sequence}`);
      }
      one.inRow = 0;
      one.error = undefined;
      await keep(place);
    } catch (reason) {
      if (!followed.includes(one)) return;
      const { message } = CellwallError.from(reason);
      one.failures += 1;
      one.inRow += 1;
      one.error = { message, at: clock.now() };
      const kept =
        inForce(source, place) === undefined ? 'nobody of it is accepted until there is one' : 'the known one stays';
      log.warn({ trustDomain, reason: message }, `the bundle of a foreign trust domain could not be fetched: ${kept}`);
    }
  }

  /** For restarts and replicas; one that has a later bundle keeps it. */
  async function keep(place: string): Promise<void> {
    const stored = await table.get(place);
    const other = readKept(stored, followed.find((one) => one.place === place)?.source.trustDomain);
    const mine = known.get(place);
    if (mine === undefined || (other !== undefined && isOlder(mine.bundle, other.bundle))) {
      if (other !== undefined) take(place, other);
      return;
    }
    await table.compareAndSet(place, stored, writeKept(mine));
  }

  function again(one: Followed): void {
    void renew(one).then(() => {
      if (followed.includes(one)) one.cancel = clock.after(pauseOf(one) * (0.9 + 0.2 * random()), () => again(one));
    });
  }

  function pauseOf({ place, inRow }: Followed): number {
    const hint = known.get(place)?.bundle.refreshMs ?? everyMs;
    const usual = Math.min(mostMs, Math.max(leastMs, hint));
    return inRow === 0 ? usual : Math.min(usual, everyMs, afterFailureMs * 2 ** Math.min(inRow - 1, 10));
  }

  const unwatch = table.watch(({ key, value }) => {
    const one = followed.find(({ place }) => place === key);
    const found = one && readKept(value, one.source.trustDomain);
    if (found !== undefined && fault(found.bundle) === undefined) take(key, found);
  });

  return {
    async restore() {
      for (const { key, value } of await table.list()) {
        const found = readKept(value);
        if (found !== undefined) known.set(key, found);
      }
    },
    of: (source) => inForce(source, placeOf(source)),
    all: inForceNow,
    follow(sources) {
      const before = followed;
      followed = [...sources].map((source) => {
        const place = placeOf(source);
        return before.find((one) => one.place === place) ?? { source, place, cancel: () => {}, failures: 0, inRow: 0 };
      });
      inline.clear();
      for (const one of before) {
        if (followed.includes(one)) continue;
        one.cancel();
        known.delete(one.place);
        void table.delete(one.place).catch(() => undefined);
      }
      for (const one of followed) if (!before.includes(one) && one.source.endpoint !== undefined) again(one);
    },
    status() {
      const shared = sharedRoots(inForceNow());
      return followed.map(({ source, place, failures, error }) => {
        const found = candidate(source, place);
        const wrong = found && fault(found);
        const { sequence, roots = [] } = wrong === undefined ? (found ?? {}) : {};
        const told = wrong === undefined ? error : { message: wrong, at: clock.now() };
        return {
          ...{ trustDomain: source.trustDomain, roots: roots.length, failures },
          ...defined({ url: source.endpoint?.url, sequence, fetchedAt: known.get(place)?.at, error: told }),
          ...defined({ sharesRootWith: shared.get(source.trustDomain) }),
        };
      });
    },
    stop() {
      unwatch();
      for (const { cancel } of followed) cancel();
      followed = [];
    },
  };
}

/** Without a sequence nobody can tell. */
function isOlder(one: ForeignBundle, other: ForeignBundle): boolean {
  return one.sequence !== undefined && other.sequence !== undefined && one.sequence < other.sequence;
}

function placeOf({ trustDomain, inline = '', endpoint }: ForeignSource): string {
  return createHash('sha256')
    .update(JSON.stringify([trustDomain, inline, endpoint ?? null]))
    .digest('hex');
}
