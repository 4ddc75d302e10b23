// Plays requests and pushes over gRPC against the real server, on loopback, and tells what was sent, as story.ts does for the pure
// steps. After each of them it waits until the server has sent all that it will, which it knows without a clock:
//   1. the request was read: the one behind it, for a type that no server has, is told to the log, and streams keep their order;
//   2. the state in which the stream then is has nothing left to send (the pure step says so);
//   3. as many responses have arrived as the server told its observer to have sent.
import type { DeltaDiscoveryResponse, DiscoveryResponse } from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { silentLog } from '../../src/lib/log.ts';
import type { NodeId } from '../../src/lib/node-id.ts';
import { type VariantName, variants } from '../../src/xds/protocol/variant.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import type { StreamId } from '../../src/xds/server/observer.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createRawXdsClient, type DeltaStream, type RawStream, type SotwStream } from '../support/raw-xds-client.ts';
import type { Stories, Telling } from './random-clients.ts';
import { type DeltaTold, type Kind, kindOf, type SotwTold, type Told, toldDelta, toldSotw } from './story.ts';
import { type Contents, snapshotOf, startXds } from './xds-fixture.ts';

export interface WireStories extends Stories {
  close(): Promise<void>;
}

const deadlineMs = 3000;
const barrier = 'test/barrier-';

export async function startWireStories(): Promise<WireStories> {
  const clock = createFakeClock();
  let [asked, read, nodes, revision] = [0, 0, 0, 0];
  let current: { readonly stream: StreamId; sent: number } | undefined;
  const xds = await startXds({
    clock,
    // Nobody waits to be admitted: the clock stands still.
    limits: { admittedAtOnce: Number.MAX_SAFE_INTEGER },
    log: {
      ...silentLog,
      debug(fields) {
        const typeUrl = 'typeUrl' in fields ? String(fields.typeUrl) : '';
        if (typeUrl.startsWith(barrier)) read = Number(typeUrl.slice(barrier.length));
      },
    },
    observe(event) {
      if (event.kind === 'connected') current = { stream: event.stream, sent: 0 };
      else if (event.kind === 'sent' && event.stream === current?.stream) current.sent += 1;
      else if (event.kind === 'disconnected' && event.stream === current?.stream) current = undefined;
    },
  });
  const client = createRawXdsClient(xds.port);
  let node = '' as NodeId;
  let leave = async (): Promise<void> => undefined;

  const until = async (what: string, probe: () => boolean): Promise<void> => {
    const end = performance.now() + deadlineMs;
    while (!probe()) {
      if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  function tell<Init, Response extends DiscoveryResponse | DeltaDiscoveryResponse, Asked>(
    variant: VariantName,
    stream: RawStream<Init, Response>,
    init: (kind: Kind, asked: Asked | undefined, nonce: string) => Init,
    barrierOf: (typeUrl: string) => Init,
    decode: (response: Response) => Told,
  ): Telling<Asked> {
    const told: Told[] = [];
    const nonces = new Map<Kind, string>();
    const versions = new Map<Kind, string>();
    const hasAllSent = (): boolean => {
      if (current === undefined || told.length + stream.waiting.length < current.sent) return false;
      const view = xds.server.inspect().find((one) => one.stream === current?.stream);
      if (view?.snapshot === undefined) return false;
      const { effects } = variants[variant].flush(view.state, view.snapshot, clock.monotonic());
      return effects.every(({ kind }) => kind !== 'send');
    };
    const settle = async (): Promise<void> => {
      await until('the server has sent what it has', hasAllSent);
      while (stream.waiting.length > 0) {
        const response = await stream.next();
        const one = decode(response);
        told.push(one);
        nonces.set(one.kind, one.nonce);
        versions.set(one.kind, 'versionInfo' in response ? response.versionInfo : response.systemVersionInfo);
      }
    };
    let opened = false;
    leave = async () => {
      // Not a reset: after a thousand of them in a row Node's HTTP/2 takes the client for a hostile one.
      stream.end();
      if (opened) await until('the stream has ended', () => current === undefined);
    };
    return {
      told,
      nonces,
      versions,
      async ask(kind, request) {
        stream.send(init(kind, request, nonces.get(kind) ?? ''));
        opened = true;
        const number = ++asked;
        stream.send(barrierOf(`${barrier}${number}`));
        await until('the request was read', () => read >= number);
        await settle();
      },
      async set(contents: Contents) {
        xds.cache.set(node, snapshotOf(++revision, contents));
        if (opened) await settle();
      },
      async wait(ms) {
        clock.advance(ms);
        if (opened) await settle();
      },
    };
  }

  /** `again`: the same client on a new stream; else one that the server never saw. */
  const enter = async (again: boolean): Promise<void> => {
    await leave();
    if (again) return;
    xds.cache.delete(node);
    node = `spiffe://td/service/a~${++nodes}` as NodeId;
  };
  return {
    async delta(again) {
      await enter(again);
      const stream: DeltaStream = client.delta();
      return tell(
        'delta',
        stream,
        (kind, { sub = [], unsub = [], has = {}, nonce = '', error }: DeltaTold = {}) => ({
          node: { id: node },
          typeUrl: typeUrls[kind],
          resourceNamesSubscribe: [...sub],
          resourceNamesUnsubscribe: [...unsub],
          initialResourceVersions: { ...has },
          responseNonce: nonce,
          ...(error === undefined ? {} : { errorDetail: { code: 13, message: error } }),
        }),
        (typeUrl) => ({ typeUrl }),
        (response) => toldDelta(kindOf(response.typeUrl), response),
      );
    },
    async sotw(again) {
      await enter(again);
      const stream: SotwStream = client.sotw();
      return tell(
        'sotw',
        stream,
        (kind, { names = [], version = '', nonce, error }: SotwTold = {}, last) => ({
          node: { id: node },
          typeUrl: typeUrls[kind],
          resourceNames: [...names],
          versionInfo: version,
          responseNonce: nonce ?? last,
          ...(error === undefined ? {} : { errorDetail: { code: 13, message: error } }),
        }),
        (typeUrl) => ({ typeUrl }),
        (response) => toldSotw(kindOf(response.typeUrl), response),
      );
    },
    async close() {
      await leave();
      client.close();
      await xds.close();
    },
  };
}
