// For control planes that follow this one: documents and roots as they change, on a request that stays open; and their intermediates.
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Bans } from '../identity/ban/bans.ts';
import type { ToldRoots } from '../identity/roots/told-roots.ts';
import { bundlePem, type TrustBundle } from '../identity/trust-bundle.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { type Json, sameJson } from '../lib/table.ts';
import type { Watchable } from '../lib/watchable.ts';
import {
  beatMs,
  type FollowEvent,
  type FollowedDocument,
  type IntermediateReply,
  takesHeader,
  takesPartHeader,
  versionHeader,
  writeFollowEvent,
} from './follow-protocol.ts';
import type { Peer } from './identity-of.ts';
import { identityPaths } from './identity-protocol.ts';
import { readBody, textOf } from './read-body.ts';

/** A control plane that follows this one. */
export interface SeenFollower {
  readonly cell: string;
  readonly address: string;
  /** Epoch milliseconds. */
  readonly since: number;
  /** What it was sent last. Absent: nothing. */
  readonly revision?: number;
  /** Which of the cell's: its node key, or else its identity. */
  readonly follower: string;
  /** It takes part in rotations of the root. */
  readonly takesPart: boolean;
}

/** What may be followed, and by whom. */
export interface Followed {
  /** Throws for whoever may not, or no longer: asked again once a second. Returns the cell. */
  check(peer: Peer): string;
  /** Throws for certificates that are no proof here: what followers signed. */
  refuse(chain: readonly X509Certificate[]): void;
  /** In force. Undefined: nothing is. */
  documents(): { readonly revision: number; readonly documents: readonly FollowedDocument[] } | undefined;
  /** Called when they may have changed. The returned function ends that. */
  watch(listener: () => void): () => void;
  readonly bundle: Watchable<TrustBundle>;
  /** Who is banned, and who no longer is, by key. */
  readonly bans: Pick<Bans, 'news' | 'watch'>;
  /** PEM: an intermediate for the key of the request, without the root. */
  mint(csr: string, cell: string, peer: Pick<Peer, 'spiffeId' | 'nodeKey' | 'address'>): Promise<string>;
  /** The state of the roots, for those who take part in their rotation: asked once a second. Undefined: they are not replaced here. */
  roots(): Promise<ToldRoots | undefined>;
  /** What one that takes part reports. Throws `invalid_argument` if it is none. */
  report(cell: string, follower: string, report: unknown): void;
  /** Of the program: followers are told. */
  readonly version: string;
  /** One began to listen; `look` tells how far it is. The returned function: it ended. */
  opened(look: () => SeenFollower): () => void;
}

export interface FollowRoutes {
  has(path: string | undefined): boolean;
  /** Resolves at once: the answer may stay open. Throws for whoever may not. */
  answer(request: IncomingMessage, response: ServerResponse, peer: Peer): Promise<void>;
}

/** What a follower takes, beside documents and roots. `part`: in rotations. */
interface Takes {
  readonly bans: boolean;
  readonly part: boolean;
}

/** Of one host: it needs one, and one that it lost may not have been noticed yet. */
const maxOfOne = 4;
const maxStreams = 1024;

/** `followed` is absent if this control plane has none to offer. */
export function createFollowRoutes(followed: Followed | undefined, clock: Clock): FollowRoutes {
  const open = new Map<ServerResponse, string>();
  const { follow, followIntermediate, followReport } = identityPaths;
  const paths: readonly (string | undefined)[] = [follow, followIntermediate, followReport];

  function stream(all: Followed, peer: Peer, cell: string, response: ServerResponse, takes: Takes): void {
    const who = followerOf(peer);
    if (open.size >= maxStreams || [...open.values()].filter((one) => one === who).length >= maxOfOne) {
      throw new CellwallError('resource_exhausted', 'too many follow this control plane', { hint: 'ask again later' });
    }
    open.set(response, who);
    const ends = new X509Certificate(peer.certificate).validToDate.getTime();
    let sent: ReadonlyMap<string, string> | undefined;
    let roots: TrustBundle | undefined;
    let bans: ReadonlyMap<string, Json> | undefined;
    let revision: number | undefined;
    let state: ToldRoots | undefined;
    let cancel = (): void => {};
    const write = (event: FollowEvent): void => void response.write(writeFollowEvent(event));
    const push = (): void => {
      // What changes meanwhile is sent when there is room again.
      if (response.writableNeedDrain || response.writableEnded || response.destroyed) return;
      const bundle = all.bundle.value();
      if (bundle !== roots) write({ kind: 'roots', sequence: bundle.sequence, bundle: bundlePem(bundle) });
      roots = bundle;
      if (takes.bans) bans = pushBans(bans, all.bans.news());
      const now = all.documents();
      if (now === undefined || now.revision === revision) return;
      const texts = new Map(now.documents.map(({ key, text }) => [key, text]));
      write(
        sent === undefined ? { kind: 'whole', ...now } : { kind: 'change', ...changeOf(sent, texts, now.revision) },
      );
      [sent, revision] = [texts, now.revision];
    };
    const pushBans = (before: typeof bans, news: ReadonlyMap<string, Json>): ReadonlyMap<string, Json> => {
      const changed = new Map([...news].filter(([key, value]) => !sameJson(before?.get(key), value)));
      if (before === undefined || changed.size > 0) write({ kind: 'bans', bans: changed });
      return news;
    };
    /** After the roots themselves. */
    const pushState = async (): Promise<void> => {
      const now = takes.part ? await all.roots() : undefined;
      if (now === undefined || now === state || response.writableNeedDrain || response.destroyed) return;
      push();
      write({ kind: 'rotation', ...now });
      state = now;
    };
    const beat = (): void => {
      // What cannot be found out now is said a second later.
      pushState().catch(() => {});
      cancel = clock.after(beatMs, () => {
        try {
          all.check(peer);
        } catch {
          response.destroy();
          return;
        }
        if (clock.now() >= ends) response.end();
        else if (!response.writableNeedDrain) response.write('\n');
        beat();
      });
    };
    const since = clock.now();
    const look = (): SeenFollower => ({
      ...{ cell, address: peer.address, since, follower: who, takesPart: takes.part, ...defined({ revision }) },
    });
    const unwatch = [all.watch(push), all.bundle.watch(push), all.bans.watch(push), all.opened(look)];
    response.on('drain', push);
    response.once('close', () => {
      open.delete(response);
      cancel();
      for (const end of unwatch) end();
    });
    response.writeHead(200, {
      ...{ 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' },
      [versionHeader]: all.version,
    });
    push();
    beat();
  }

  return {
    has: (path) => paths.includes(path),
    async answer(request, response, peer) {
      if (followed === undefined) {
        throw new CellwallError('failed_precondition', 'this control plane follows another one itself', {
          hint: 'follow that one: serve --parent',
        });
      }
      const cell = followed.check(peer);
      const { method, url, headers } = request;
      if (method === 'GET' && url === follow) {
        const takes = { bans: headers[takesHeader] === 'bans', part: headers[takesPartHeader] === '1' };
        return stream(followed, peer, cell, response, takes);
      }
      if (method === 'POST' && url === followReport) {
        followed.report(cell, followerOf(peer), await readBody(request));
        response.writeHead(204).end();
        return;
      }
      if (method !== 'POST' || url !== followIntermediate) throw new CellwallError('not_found', 'no such route');
      const chain = await followed.mint(textOf(await readBody(request), 'csr'), cell, peer);
      const bundle = followed.bundle.value();
      const reply: IntermediateReply = { chain, bundle: bundlePem(bundle), sequence: bundle.sequence };
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(JSON.stringify(reply));
    },
  };
}

function followerOf({ nodeKey, spiffeId }: Peer): string {
  return nodeKey ?? spiffeId;
}

function changeOf(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  revision: number,
): Omit<Extract<FollowEvent, { kind: 'change' }>, 'kind'> {
  const put = [...after].filter(([key, text]) => before.get(key) !== text).map(([key, text]) => ({ key, text }));
  return { revision, put, gone: [...before.keys()].filter((key) => !after.has(key)) };
}
