// The link to the parent: a credential of its own, and one request that stays open, on which documents and roots arrive. While it is cut,
// it tries again at least once in three seconds: a cable that returns is noticed.
import { join } from 'node:path';
import { followedCellOf } from '../identity/follower.ts';
import { type CellReport, writeCellReport } from '../identity/roots/cell-report.ts';
import type { ToldRoots } from '../identity/roots/told-roots.ts';
import { deliver } from '../identity-api/deliver.ts';
import { certifyAtParent, followParent } from '../identity-api/follow-client.ts';
import type { FollowEvent, IntermediateReply } from '../identity-api/follow-protocol.ts';
import { identityPaths } from '../identity-api/identity-protocol.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { Json } from '../lib/table.ts';
import { createWatched, type Watchable } from '../lib/watchable.ts';
import { pause } from '../sidecar/pause.ts';
import { createControlPlanes, nameOf, readControlPlanes, seedOf } from '../sidecar/servers/control-planes.ts';
import { firstThatAnswers } from '../sidecar/servers/first-that-answers.ts';
import { createNewestRoots, type HeardBundle } from '../sidecar/svid/newest-roots.ts';
import { loadNodeKey } from '../sidecar/svid/node-key.ts';
import { createSvidFiles, type StoredSvid } from '../sidecar/svid/svid-files.ts';
import { keepRoots } from './kept-roots.ts';
import { createParentCredential } from './parent-credential.ts';

export interface ParentDocuments {
  readonly revision: number;
  /** YAML, by key. */
  readonly texts: ReadonlyMap<string, string>;
}

export interface ParentLinkState {
  readonly connected: boolean;
  readonly since: number;
  /** All addresses, as given. */
  readonly parent: string;
  /** Its last sign of life; absent: none in this run. */
  readonly heardAt?: number;
  /** Of its program. */
  readonly version?: string;
  /** Of its documents, as it said last. */
  readonly revision?: number;
}

export interface ParentLink {
  /** The cell, once it is known: at once, except for the very first start. */
  cell(): Promise<string>;
  /** The newest roots, PEM; those of the last run at first. Undefined: none were ever heard. */
  readonly roots: Watchable<string | undefined>;
  /** All documents of the parent, as it said them last. Undefined until it says something in this run. */
  readonly documents: Watchable<ParentDocuments | undefined>;
  /** Whom the parent bans, or no longer, by key, as it said in this run. Undefined until then. */
  readonly bans: Watchable<ReadonlyMap<string, Json> | undefined>;
  /** The state of its roots, and their rotation; that of the last run at first. Undefined: it never said. */
  readonly rotation: Watchable<ToldRoots | undefined>;
  /** Resolves once the parent has said everything, or could not be reached for the first time. */
  readonly tried: Promise<void>;
  /** Throws `unavailable` while the parent cannot be reached. */
  certify(csr: string): Promise<IntermediateReply>;
  /** Who would be cut off here by the next phase of the rotation. Throws if the parent did not take it. */
  report(report: CellReport): Promise<void>;
  /** Since when there is a stream from the parent, or none. Epoch milliseconds. */
  state(): ParentLinkState;
  close(): void;
}

export interface ParentLinkOptions {
  /** Identity APIs of the parent, "host:port", separated by commas. */
  readonly parents: string;
  readonly token?: Redacted<string> | undefined;
  /** Mode 0700: its node key and SVID. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
}

const againMs = 250;
const longestAgainMs = 1000;
const certifyMs = 5000;
const reportMs = 3000;

/** Throws for addresses and files that cannot be read; a parent that is away is waited for in the background. */
export async function openParentLink({ parents, token, dir, clock, log }: ParentLinkOptions): Promise<ParentLink> {
  const nodeKey = await loadNodeKey(dir);
  const servers = createControlPlanes(readControlPlanes(parents), seedOf(nodeKey));
  const files = createSvidFiles(join(dir, 'svid'));
  const kept = files.read();
  const roots = createWatched<string | undefined>(kept?.bundle);
  const rotation = keepRoots(dir, log);
  const newest = createNewestRoots();
  const documents = createWatched<ParentDocuments | undefined>(undefined);
  const bans = createWatched<ReadonlyMap<string, Json> | undefined>(undefined);
  const { promise: tried, resolve: isTried } = Promise.withResolvers<void>();
  const closing = new AbortController();
  let state = { connected: false, since: clock.now() };
  let heard: Pick<ParentLinkState, 'heardAt' | 'version'> = {};
  const onHeard = (version: string | undefined): void => {
    heard = { heardAt: clock.now(), ...defined({ version }) };
  };

  const credential = createParentCredential({
    ...{ servers, nodeKey, files, roots: newest, clock, log, verify, signal: closing.signal, ...defined({ token }) },
    record: () => rotation.value()?.record,
    onBundle: roots.set,
  });
  const { svid } = credential;

  function hear(event: FollowEvent): void {
    if (!state.connected) {
      state = { connected: true, since: clock.now() };
      log.info({ parent: nameOf(servers.order()[0] ?? firstOf(parents)) }, 'following the parent');
    }
    credential.trust();
    if (event.kind === 'roots') {
      heardRoots(event);
      return;
    }
    if (event.kind === 'rotation') {
      rotation.hear({ record: event.record, issuers: event.issuers });
      return;
    }
    if (event.kind === 'bans') {
      bans.set(new Map([...(bans.value() ?? []), ...event.bans]));
      return;
    }
    // They are told after roots and bans.
    isTried();
    const before = documents.value();
    if (event.kind === 'whole') {
      documents.set({ revision: event.revision, texts: new Map(event.documents.map(({ key, text }) => [key, text])) });
    } else if (before !== undefined) {
      const texts = new Map(before.texts);
      for (const { key, text } of event.put) texts.set(key, text);
      for (const key of event.gone) texts.delete(key);
      documents.set({ revision: event.revision, texts });
    }
  }

  function heardRoots(heard: HeardBundle): void {
    const bundle = newest.hear(heard);
    if (bundle === roots.value()) return;
    const current = svid.value();
    if (current !== undefined) svid.set(files.write({ chain: current.chain, key: current.key, bundle }));
    roots.set(bundle);
  }

  async function follow(): Promise<void> {
    const own = await credential.obtain();
    const renew = new AbortController();
    const stop = clock.after(Math.max(againMs, credential.dueIn(own)), () => renew.abort());
    // Its root is on its way out: it comes back with another one.
    const stayed = credential.stays(own);
    const unwatch = rotation.watch(() => {
      if (stayed && !credential.stays(own)) renew.abort();
    });
    const signal = AbortSignal.any([closing.signal, renew.signal]);
    try {
      await firstThatAnswers(servers, (at) => followParent({ at, svid: own, onEvent: hear, onHeard, signal }), {
        log,
        signal,
      });
    } finally {
      stop();
      unwatch();
    }
  }

  async function run(): Promise<void> {
    let said: string | undefined;
    for (let failures = 0; !closing.signal.aborted; ) {
      let reason = 'the stream ended';
      try {
        await follow();
        failures = 0;
        said = undefined;
      } catch (cause) {
        failures += 1;
        isTried();
        const { code, message, hint } = CellwallError.from(cause);
        reason = message;
        if (code === 'unauthenticated') credential.doubt();
        if (!closing.signal.aborted && message !== said)
          log.warn({ reason, ...defined({ hint }) }, 'the parent cannot be followed');
        said = message;
      }
      if (state.connected) {
        state = { connected: false, since: clock.now() };
        log.info({ reason }, 'no stream from the parent: going on with what there is');
      }
      await pause(
        Math.min(longestAgainMs, againMs * 2 ** Math.min(failures, 4)) * (0.5 + Math.random() / 2),
        closing.signal,
      );
    }
  }

  void run();
  return {
    cell: () => cellOf(svid),
    roots,
    documents,
    bans,
    rotation,
    tried,
    async certify(csr) {
      // Hosts that ask for certificates meanwhile are not kept waiting each time.
      if (!state.connected && clock.now() - state.since > certifyMs) {
        throw new CellwallError('unavailable', 'the parent cannot be reached');
      }
      const own = await credential.obtain();
      const reply = await firstThatAnswers(servers, (at) => certifyAtParent(at, own, csr, certifyMs), { log });
      // They vouch for it.
      heardRoots(reply);
      return reply;
    },
    async report(report) {
      const own = svid.value();
      if (own === undefined) throw new CellwallError('unavailable', 'there is no SVID for the parent yet');
      const body = async (): Promise<object> => writeCellReport(report);
      const how = { svid: own, timeoutMs: reportMs, path: identityPaths.followReport, body, signal: closing.signal };
      await firstThatAnswers(servers, (at) => deliver({ ...at, ...how }), { log, signal: closing.signal });
    },
    state: () => ({ ...state, ...heard, parent: parents, ...defined({ revision: documents.value()?.revision }) }),
    close: () => closing.abort(),
  };
}

function firstOf(parents: string) {
  return readControlPlanes(parents)[0];
}

function cellOf(svid: Watchable<StoredSvid | undefined>): Promise<string> {
  return new Promise((resolve) => {
    const look = (): boolean => {
      const cell = followedCellOf(svid.value()?.spiffeId ?? '');
      if (cell !== undefined) resolve(cell);
      return cell !== undefined;
    };
    if (look()) return;
    const end = svid.watch(() => {
      if (look()) end();
    });
  });
}

function verify(spiffeId: string): void {
  if (followedCellOf(spiffeId) !== undefined) return;
  throw new CellwallError('failed_precondition', `the token for the parent is that of ${spiffeId}`, {
    hint: 'create one at the parent: cellwall token create --spiffe-id spiffe://TRUST-DOMAIN/cellwall/follower/CELL',
  });
}
