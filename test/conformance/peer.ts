// A client of one of the four variants, for cases that hold in several: wants, drops, ACKs and NACKs as the variant says it.
// It answers nothing by itself, and keeps what a real client would: names wanted, versions accepted, the newest nonce.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { DeltaDiscoveryResponse, DiscoveryResponse } from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { createRawXdsClient, type DeltaStream, type SotwStream } from '../support/raw-xds-client.ts';
import { codecs } from './contents.ts';
import { type Kind, kinds, methodOf, type Variant } from './variant.ts';

/** A response, as far as cases look at it. */
export interface Told {
  readonly kind: Kind;
  /** Name → text, in order; a name that comes twice is in `names` twice. */
  readonly resources: ReadonlyMap<string, string>;
  readonly names: readonly string[];
  readonly removed: readonly string[];
  /** State of the world: `version_info`. */
  readonly version: string;
  /** Delta: name → version. */
  readonly versions: ReadonlyMap<string, string>;
  readonly nonce: string;
  /** Those of the resources. */
  readonly typeUrls: readonly string[];
  readonly ttl: boolean;
}

export interface Ask {
  readonly add?: readonly string[];
  readonly drop?: readonly string[];
  /** What an earlier stream had: a version, or a version for each name. */
  readonly version?: string;
  readonly has?: ReadonlyMap<string, string>;
  /** Instead of the newest that was received (state of the world), or of none (delta). */
  readonly nonce?: string;
  readonly error?: string;
  /** Leaves out the node or the type, or sends another node. */
  readonly node?: string | undefined;
  readonly typeUrl?: string;
}

export interface Peer {
  /** A request; the names are the changes to what it wants. */
  ask(kind: Kind, request?: Ask): void;
  /** The next response of the type; fails if none comes. */
  next(kind: Kind): Promise<Told>;
  ack(kind: Kind, request?: Ask): void;
  nack(kind: Kind, request?: Ask): void;
  /** `next`, then `ack`. */
  take(kind: Kind): Promise<Told>;
  /** Fails if any response comes that was not taken. */
  quiet(why: string): Promise<void>;
  /** Takes what comes until nothing does; fails if that does not end. */
  drain(kind: Kind): Promise<readonly Told[]>;
  /** Takes responses until `found`; fails if it does not come. */
  takeUntil(kind: Kind, what: string, found: (told: Told) => boolean): Promise<Told>;
  /** All responses in the order of their arrival, taken or not. */
  readonly log: readonly Told[];
  /** The status with which the type's stream ends; fails if it does not. */
  ended(kind: Kind): Promise<number>;
  close(): void;
}

export interface PeerOptions {
  readonly address: string;
  readonly variant: Variant;
  readonly node: string;
  readonly deadlineMs: number;
  readonly quietMs: number;
}

interface Line {
  readonly queue: Told[];
  readonly wanted: Set<string>;
  nonce: string;
  version: string;
  newest: Told | undefined;
}

type Open =
  | { readonly protocol: 'sotw'; readonly stream: SotwStream }
  | { readonly protocol: 'delta'; readonly stream: DeltaStream };

const forever = 2 ** 31 - 1;

export function createPeer({ address, variant, node, deadlineMs, quietMs }: PeerOptions): Peer {
  const client = createRawXdsClient(address);
  const lines = new Map<Kind, Line>();
  const streams = new Map<string, Open>();
  const introduced = new Set<string>();
  const log: Told[] = [];
  let wake = (): void => {};

  const line = (kind: Kind): Line => {
    const known = lines.get(kind) ?? { queue: [], wanted: new Set(), nonce: '', version: '', newest: undefined };
    lines.set(kind, known);
    return known;
  };
  const receive = (told: Told | undefined): void => {
    if (told === undefined) return;
    const its = line(told.kind);
    its.queue.push(told);
    its.nonce = told.nonce;
    its.newest = told;
    log.push(told);
    wake();
  };
  const open = (kind: Kind): Open => {
    const path = methodOf(variant, kind);
    const known = streams.get(path);
    if (known !== undefined) return known;
    const made: Open =
      variant.protocol === 'sotw'
        ? { protocol: 'sotw', stream: client.sotw(path) }
        : { protocol: 'delta', stream: client.delta(path) };
    streams.set(path, made);
    const read = async (): Promise<void> => {
      for (;;) {
        if (made.protocol === 'sotw') receive(fromSotw(await made.stream.next(forever)));
        else receive(fromDelta(await made.stream.next(forever)));
      }
    };
    // It ends with the stream.
    read().catch(() => wake());
    return made;
  };
  const within = async <T>(what: string, probe: () => T | undefined): Promise<T> => {
    const until = performance.now() + deadlineMs;
    for (;;) {
      const found = probe();
      if (found !== undefined) return found;
      const left = until - performance.now();
      if (left <= 0) assert.fail(`${what} within ${deadlineMs} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const peer: Peer = {
    log,
    ask(kind, request = {}) {
      const its = line(kind);
      for (const name of request.drop ?? []) its.wanted.delete(name);
      for (const name of request.add ?? []) its.wanted.add(name);
      const path = methodOf(variant, kind);
      const { protocol, stream } = open(kind);
      const id = 'node' in request ? request.node : introduced.has(path) ? undefined : node;
      introduced.add(path);
      const common = {
        ...(id === undefined ? {} : { node: { id } }),
        typeUrl: request.typeUrl ?? typeUrls[kind],
        ...(request.error === undefined ? {} : { errorDetail: { code: 3, message: request.error } }),
      };
      if (protocol === 'sotw') {
        stream.send({
          ...common,
          versionInfo: request.version ?? its.version,
          resourceNames: [...its.wanted],
          responseNonce: request.nonce ?? its.nonce,
        });
      } else {
        stream.send({
          ...common,
          resourceNamesSubscribe: [...(request.add ?? [])],
          resourceNamesUnsubscribe: [...(request.drop ?? [])],
          initialResourceVersions: Object.fromEntries(request.has ?? []),
          responseNonce: request.nonce ?? '',
        });
      }
    },
    next: (kind) => within(`no response about ${kind}s`, () => line(kind).queue.shift()),
    ack(kind, request = {}) {
      const its = line(kind);
      its.version = its.newest?.version ?? its.version;
      peer.ask(kind, { nonce: its.nonce, ...request });
    },
    nack: (kind, request = {}) => peer.ask(kind, { nonce: line(kind).nonce, error: 'rejected', ...request }),
    async take(kind) {
      const told = await peer.next(kind);
      peer.ack(kind);
      return told;
    },
    async quiet(why) {
      await delay(quietMs);
      const untaken = [...lines.values()].flatMap(({ queue }) => queue);
      const said = untaken.map(({ kind, names, removed }) => `${kind} ${[...names, ...removed.map((n) => `-${n}`)]}`);
      assert.deepEqual(said, [], `nothing may be sent: ${why}`);
    },
    async drain(kind) {
      const all: Told[] = [];
      for (let round = 0; ; round++) {
        await delay(quietMs);
        const { queue } = line(kind);
        if (queue.length === 0) return all;
        if (round === 5) assert.fail(`responses about ${kind}s do not end, though each was accepted`);
        all.push(...queue.splice(0));
        peer.ack(kind);
      }
    },
    async takeUntil(kind, what, found) {
      const until = performance.now() + deadlineMs;
      while (performance.now() < until) {
        const told = await peer.take(kind).catch(() => assert.fail(`never came: ${what}`));
        if (found(told)) return told;
      }
      return assert.fail(`never came: ${what}`);
    },
    async ended(kind) {
      const { stream } = open(kind);
      let code: number | undefined;
      stream.ended.then((status) => {
        code = status.code;
        wake();
      });
      return within('the stream did not end', () => code);
    },
    close: () => client.close(),
  };
  return peer;
}

/** Undefined for a type that the suite does not look at. */
function kindOf(typeUrl: string): Kind | undefined {
  return kinds.find((candidate) => typeUrls[candidate] === typeUrl);
}

function fromSotw({ typeUrl, versionInfo, nonce, resources }: DiscoveryResponse): Told | undefined {
  const kind = kindOf(typeUrl);
  if (kind === undefined) return undefined;
  const wrapped = resources.some((resource) => resource.typeUrl.endsWith('envoy.service.discovery.v3.Resource'));
  const decoded = wrapped ? [] : resources.map(({ value }) => codecs[kind].decode(value));
  return {
    kind,
    resources: new Map(decoded.map(({ name, text }) => [name, text])),
    names: decoded.map(({ name }) => name),
    removed: [],
    version: versionInfo,
    versions: new Map(),
    nonce,
    typeUrls: resources.map((resource) => resource.typeUrl),
    ttl: wrapped,
  };
}

function fromDelta({ typeUrl, nonce, resources, removedResources }: DeltaDiscoveryResponse): Told | undefined {
  const kind = kindOf(typeUrl);
  if (kind === undefined) return undefined;
  return {
    kind,
    resources: new Map(
      resources.map(({ name, resource }) => [name, codecs[kind].decode(resource?.value ?? new Uint8Array()).text]),
    ),
    names: resources.map(({ name }) => name),
    removed: removedResources,
    version: '',
    versions: new Map(resources.map(({ name, version }) => [name, version])),
    nonce,
    typeUrls: resources.map(({ resource }) => resource?.typeUrl ?? ''),
    ttl: resources.some(({ ttl }) => ttl !== undefined),
  };
}
