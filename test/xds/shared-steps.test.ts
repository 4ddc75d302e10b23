// What a push to many streams costs, in counters that do not depend on the machine: streams that stand alike share one outcome, one frame
// and one reading of their ACKs, whatever their number; a proxy's own secrets are its own.
import { setImmediate as turn } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { framePrefix } from '../../src/lib/grpc-call.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { NodeId } from '../../src/lib/node-id.ts';
import { createSnapshotCache } from '../../src/xds/resources/cache.ts';
import { encodeResource } from '../../src/xds/resources/encode.ts';
import { type TypeUrl, typeUrls } from '../../src/xds/resources/type-url.ts';
import { createXdsServer } from '../../src/xds/server/server.ts';
import type { XdsStream } from '../../src/xds/server/transport.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { byName, snapshotOf } from './xds-fixture.ts';

const names = ['a', 'b', 'c'];
type Variant = 'delta' | 'sotw';

function encodeRequest(variant: Variant, typeUrl: TypeUrl, asked: readonly string[], nonce: string, id?: string) {
  const node = id === undefined ? {} : { node: { id } };
  return variant === 'delta'
    ? toBinary(
        DeltaDiscoveryRequestSchema,
        create(DeltaDiscoveryRequestSchema, {
          ...{ ...node, typeUrl, responseNonce: nonce },
          resourceNamesSubscribe: nonce === '' ? [...asked] : [],
        }),
      )
    : toBinary(
        DiscoveryRequestSchema,
        create(DiscoveryRequestSchema, { ...node, typeUrl, responseNonce: nonce, resourceNames: [...asked] }),
      );
}

/** So many proxies, each of which asks for all types and accepts what comes; those of a pool share all but their secret. */
async function open(variant: Variant, count: number) {
  const cache = createSnapshotCache();
  const server = createXdsServer({
    ...{ cache, authenticate: byName, observe: () => undefined, log: silentLog, clock: createFakeClock() },
    limits: { admittedAtOnce: 1e6, silentStreams: 1e6, workAtOnceMs: 1e9 },
  });
  const frames: Buffer[][] = [];
  const nodeOf = (index: number): NodeId => `node-${index}` as NodeId;
  const nodes = Array.from({ length: count }, (_, index) => nodeOf(index));
  /** Everything here happens in turns of the loop: over once nothing was sent in ten of them. */
  const settle = async (): Promise<void> => {
    for (let quiet = 0, before = -1; quiet < 10; quiet++) {
      const now = frames.flat().length;
      if (now !== before) quiet = 0;
      before = now;
      await turn();
    }
  };
  const join = (id: NodeId): void => {
    const own: Buffer[] = [];
    frames.push(own);
    const answer = (frame: Buffer): void => {
      const message = frame.subarray(framePrefix);
      const { typeUrl, nonce } = fromBinary(
        variant === 'delta' ? DeltaDiscoveryResponseSchema : DiscoveryResponseSchema,
        message,
      );
      const asked = typeUrl === typeUrls.cluster || typeUrl === typeUrls.listener ? [] : names;
      stream.request(encodeRequest(variant, typeUrl as TypeUrl, asked, nonce));
    };
    const stream: XdsStream = server.open(
      {
        peer: { address: id },
        write(frame, sent) {
          own.push(frame);
          queueMicrotask(() => {
            sent();
            answer(frame);
          });
        },
        rest: () => undefined,
        end: (error) => {
          throw error;
        },
      },
      variant,
    );
    for (const [index, typeUrl] of Object.values(typeUrls).entries()) {
      const asked = typeUrl === typeUrls.cluster || typeUrl === typeUrls.listener ? [] : names;
      stream.request(encodeRequest(variant, typeUrl, asked, '', index === 0 ? id : undefined));
    }
  };
  for (const id of nodes) join(id);
  /** What a push of this made; the frames that the streams were sent. */
  const push = async (kind: 'extension' | 'listener' | 'route' | 'secret', text: string, revision: number) => {
    const before = { ...server.counters() };
    for (const own of frames) own.length = 0;
    contents[kind] = kind === 'secret' ? {} : { ...contents[kind], a: text };
    const shared = snapshotOf(revision, contents).resources;
    for (const id of nodes) {
      const secret = encodeResource(typeUrls.secret, 'a', Buffer.from(`${id} ${text}`));
      if (kind === 'secret') secrets.set(id, new Map([['a', secret]]));
      const own = secrets.get(id) ?? new Map([['a', secret]]);
      secrets.set(id, own);
      // As the pipeline does: a map that did not change is the same one.
      for (const typeUrl of Object.values(typeUrls)) {
        const known = last.get(typeUrl);
        const made = shared.get(typeUrl);
        if (typeUrl !== typeUrls[kind] && known !== undefined) continue;
        if (made !== undefined) last.set(typeUrl, made);
      }
      cache.set(id, { revision, resources: new Map(last).set(typeUrls.secret, own) });
    }
    await settle();
    const after = server.counters();
    return {
      frames: after.framesMade - before.framesMade,
      bytes: after.bytesCopied - before.bytesCopied,
      requests: after.requestsRead - before.requestsRead,
      outcomes: after.outcomesMade - before.outcomesMade,
      sent: frames.map((own) => own.length),
      distinct: new Set(frames.flat()).size,
    };
  };
  const contents: Record<string, Record<string, string>> = {
    cluster: { a: '1' },
    endpoint: { a: '1' },
    listener: { a: '1' },
    route: { a: '1' },
    extension: { a: '1' },
    secret: {},
  };
  const secrets = new Map<NodeId, ReadonlyMap<string, ReturnType<typeof encodeResource>>>();
  const last = new Map<TypeUrl, ReadonlyMap<string, ReturnType<typeof encodeResource>>>();
  const joinOneMore = async (): Promise<void> => {
    const id = nodeOf(nodes.length);
    nodes.push(id);
    join(id);
    await settle();
  };
  return { push, joinOneMore };
}

describe.each(['delta', 'sotw'] as const)('%s', (variant) => {
  test.each([3, 60])('%i streams: one frame, one outcome and one ACK for all', async (count) => {
    const { push } = await open(variant, count);
    const first = await push('extension', 'first', 1);
    // Six types, of which the secret is each one's own.
    expect(first.frames).toBe(5 + count);
    const filter = await push('extension', 'second', 2);
    expect(filter).toMatchObject({ frames: 1, requests: 0, outcomes: 1, distinct: 1 });
    expect(filter.sent).toEqual(Array(count).fill(1));
    expect(filter.bytes).toBeLessThan(300);
    const own = await push('secret', 'third', 3);
    expect(own.sent).toEqual(Array(count).fill(1));
    expect(own.frames).toBe(count);
    const again = await push('extension', 'fourth', 4);
    expect(again).toMatchObject({ frames: 1, requests: 0, outcomes: 1, distinct: 1 });
  });

  test('streams of different histories share as soon as they stand alike', async () => {
    const { push, joinOneMore } = await open(variant, 1);
    await push('extension', 'first', 1);
    for (let revision = 2; revision < 6; revision++) {
      await push('listener', `text ${revision}`, revision);
      // It waits for its first snapshot, which the next push is.
      await joinOneMore();
      await push('route', `text ${revision}`, revision + 100);
      const filter = await push('extension', `text ${revision}`, revision + 200);
      expect(filter).toMatchObject({ frames: 1, outcomes: 1, requests: 0, sent: Array(revision).fill(1) });
    }
  });
});
