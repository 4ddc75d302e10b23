// The Workload API as a client of gRPC sees it, over a real socket: who is answered, what is streamed, what a slow reader costs.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { X509BundlesResponseSchema, X509SVIDResponseSchema } from '#gen/workload_pb.js';
import type { ForeignTrust } from '../../src/identity-api/foreign-trust.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createWatched, type Watched } from '../../src/lib/watchable.ts';
import { stored } from '../../src/sidecar/svid/svid-files.ts';
import type { JwtSource } from '../../src/workload-api/jwt-methods.ts';
import { createWorkloadApi } from '../../src/workload-api/workload-api.ts';
import type { WorkloadSvid } from '../../src/workload-api/workload-svid.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createTestCa, type TestCa } from '../support/test-ca.ts';

const spiffeId = 'spiffe://td1/service/api';
const clock = createFakeClock(Date.now());
let folder: string;
let path: string;
let ca: TestCa;
let svid: Watched<WorkloadSvid>;
let api: { close(): Promise<void> };
const clients: grpc.Client[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-workload-'));
  path = join(folder, 'api.sock');
  ca = await createTestCa();
  svid = createWatched(await issued());
  api = await createWorkloadApi({ jwt: noTokens, socket: { path }, svid, clock, log: silentLog });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});

const noTokens: JwtSource = {
  fetch: () => Promise.reject(new Error('not part of this test')),
  keys: () => Promise.reject(new Error('not part of this test')),
  refresh: () => Promise.resolve(),
};

async function issued(lifetimeMs = 3_600_000): Promise<WorkloadSvid> {
  const { certificate, key } = await ca.issue({ uri: spiffeId, lifetimeMs });
  return stored(certificate, createPrivateKey(key), ca.root);
}

const header = (value = 'true'): grpc.Metadata => {
  const metadata = new grpc.Metadata();
  metadata.set('workload.spiffe.io', value);
  return metadata;
};
interface Stream {
  readonly messages: Buffer[];
  readonly ended: Promise<grpc.StatusObject>;
  readonly call: grpc.ClientReadableStream<Buffer>;
}
function open(method: string, metadata = header()): Stream {
  const client = new grpc.Client(`unix:${path}`, grpc.credentials.createInsecure());
  clients.push(client);
  const raw = (bytes: Buffer): Buffer => bytes;
  const call = client.makeServerStreamRequest(`/SpiffeWorkloadAPI/${method}`, raw, raw, Buffer.alloc(0), metadata);
  const messages: Buffer[] = [];
  call.on('data', (bytes: Buffer) => messages.push(bytes));
  call.on('error', () => undefined);
  return { messages, call, ended: new Promise((resolve) => call.on('status', resolve)) };
}
const svidIn = (bytes: Buffer) => fromBinary(X509SVIDResponseSchema, bytes).svids[0];

describe('bundles of foreign trust domains', () => {
  test('come with the SVID and with the bundles, and change while a call is open', async () => {
    const partner = await createTestCa('partner');
    const foreign = createWatched<readonly ForeignTrust[]>([]);
    await api.close();
    const jwt = { ...noTokens, foreign: () => foreign };
    api = await createWorkloadApi({ jwt, socket: { path }, svid, clock, log: silentLog });
    const calls = [open('FetchX509SVID'), open('FetchX509Bundles')] as const;
    const newest = (count: number) =>
      eventually('both have it', async () => {
        const [one, other] = calls.map(({ messages }) => messages[count - 1]);
        if (one === undefined || other === undefined) return undefined;
        const { federatedBundles } = fromBinary(X509SVIDResponseSchema, one);
        return [federatedBundles, fromBinary(X509BundlesResponseSchema, other).bundles] as const;
      });
    expect((await newest(1)).map((found) => Object.keys(found))).toEqual([[], ['spiffe://td1']]);
    foreign.set([{ trustDomain: 'partner.example', roots: partner.root, keys: '{"keys":[]}' }]);
    const [withSvid, bundles] = await newest(2);
    const root = new X509Certificate(partner.root).raw;
    expect(Buffer.from(withSvid['spiffe://partner.example'] ?? [])).toEqual(root);
    expect(Buffer.from(bundles['spiffe://partner.example'] ?? [])).toEqual(root);
    expect(Object.keys(bundles).sort()).toEqual(['spiffe://partner.example', 'spiffe://td1']);
    // All roots revoked: nobody of it is to be accepted.
    foreign.set([{ trustDomain: 'partner.example', roots: '', keys: '{"keys":[]}' }]);
    expect((await newest(3)).map((found) => Object.keys(found))).toEqual([[], ['spiffe://td1']]);
  });
});

describe('a first answer', () => {
  test('has the bundles of foreign trust domains, which many programs never read again', async () => {
    const partner = await createTestCa('partner');
    const foreign = createWatched<readonly ForeignTrust[]>([]);
    await api.close();
    let answer = (): void => {};
    let asked = 0;
    const arrived = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const refreshForeign = (): Promise<void> => {
      asked += 1;
      return arrived;
    };
    const jwt = { ...noTokens, foreign: () => foreign, refreshForeign };
    api = await createWorkloadApi({ jwt, socket: { path }, svid, clock, log: silentLog });
    const [one, other] = [open('FetchX509SVID'), open('FetchX509Bundles')];
    await eventually('both wait', async () => (asked === 2 ? true : undefined));
    expect([one.messages, other.messages]).toEqual([[], []]);
    foreign.set([{ trustDomain: 'partner.example', roots: partner.root, keys: '{"keys":[]}' }]);
    answer();
    const later = open('FetchX509SVID');
    const [first] = await eventually('an answer', async () => (one.messages.length > 0 ? one.messages : undefined));
    expect(Object.keys(fromBinary(X509SVIDResponseSchema, first ?? Buffer.alloc(0)).federatedBundles)).toEqual([
      'spiffe://partner.example',
    ]);
    await eventually('a later one', async () => (later.messages.length > 0 ? true : undefined));
    expect(one.messages).toHaveLength(1);
  });

  test('does not wait for a control plane that is away, nor does one that is refused', async () => {
    await api.close();
    const jwt = { ...noTokens, foreign: () => createWatched([]), refreshForeign: () => new Promise<void>(() => {}) };
    api = await createWorkloadApi({ jwt, socket: { path }, svid, clock, log: silentLog });
    const { messages } = open('FetchX509SVID');
    await eventually('an answer', async () => {
      clock.advance(100);
      return messages.length > 0 ? true : undefined;
    });
    svid.set(await issued(-1000));
    expect(await open('FetchX509SVID').ended).toMatchObject({ code: grpc.status.UNAVAILABLE });
  });
});

describe('FetchX509SVID', () => {
  test('gives identity, chain, key and roots, as DER', async () => {
    const { messages } = open('FetchX509SVID');
    const [first] = await eventually('an answer', async () => (messages.length > 0 ? messages : undefined));
    const response = fromBinary(X509SVIDResponseSchema, first ?? Buffer.alloc(0));
    expect(response.svids).toHaveLength(1);
    const [got] = response.svids;
    expect(got?.spiffeId).toBe(spiffeId);
    const leaf = new X509Certificate(got?.x509Svid ?? Buffer.alloc(0));
    const key = createPrivateKey({ key: Buffer.from(got?.x509SvidKey ?? []), format: 'der', type: 'pkcs8' });
    expect(leaf.checkPrivateKey(key)).toBe(true);
    expect(Buffer.from(got?.bundle ?? [])).toEqual(new X509Certificate(ca.root).raw);
    expect(leaf.verify(new X509Certificate(ca.root).publicKey)).toBe(true);
  });

  test('sends each renewal to every open call, and nothing if nothing changed', async () => {
    const streams = Array.from({ length: 20 }, () => open('FetchX509SVID'));
    await eventually(
      'all have the first',
      async () => streams.every(({ messages }) => messages.length === 1) || undefined,
    );
    svid.set({ ...svid.value() });
    const next = await issued();
    svid.set(next);
    await eventually(
      'all have the second',
      async () => streams.every(({ messages }) => messages.length > 1) || undefined,
    );
    for (const { messages } of streams) {
      expect(messages).toHaveLength(2);
      const leaf = new X509Certificate(svidIn(messages[1] ?? Buffer.alloc(0))?.x509Svid ?? Buffer.alloc(0));
      expect(leaf.raw).toEqual(new X509Certificate(next.chain).raw);
    }
  });

  test('is not there once the SVID has ended, and is again with the next', async () => {
    svid.set(await issued(1000));
    const before = clock.now();
    await clock.advance(60_000);
    expect(await open('FetchX509SVID').ended).toMatchObject({ code: grpc.status.UNAVAILABLE });
    expect(clock.now()).toBeGreaterThan(before);
    svid.set(await issued());
    const { messages } = open('FetchX509SVID');
    await eventually('an answer', async () => messages.length > 0 || undefined);
  });

  test('a reader that does not read gets the newest when it does, not all', async () => {
    const { call, messages } = open('FetchX509SVID');
    await eventually('the first', async () => messages.length > 0 || undefined);
    call.pause();
    // Windows of HTTP/2 and buffers of the socket hold some hundred of them.
    for (let turn = 0; turn < 2000; turn++) {
      const now = svid.value();
      svid.set({ ...now, spiffeId: `${spiffeId}-${turn}`, bundle: now.bundle + ca.root.repeat(20) });
      svid.set({ ...now, spiffeId: `${spiffeId}-${turn}` });
      if (turn % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    call.resume();
    const last = await eventually('the newest', async () => {
      const found = svidIn(messages.at(-1) ?? Buffer.alloc(0))?.spiffeId;
      return found === `${spiffeId}-1999` ? found : undefined;
    });
    expect(last).toBe(`${spiffeId}-1999`);
    expect(messages.length).toBeLessThan(4000);
  });
});

test('a host that was thrown out gets no SVID there, and what is open ends; the roots stay; accepted again, all is as before', async () => {
  const refusal = createWatched<CellwallError | undefined>(undefined);
  await api.close();
  api = await createWorkloadApi({ jwt: noTokens, socket: { path }, svid, refusal, clock, log: silentLog });
  const before = open('FetchX509SVID');
  const roots = open('FetchX509Bundles');
  await eventually(
    'both have it',
    async () => (before.messages.length === 1 && roots.messages.length === 1) || undefined,
  );
  refusal.set(new CellwallError('permission_denied', 'it is banned', { hint: 'ask an operator' }));
  const refused = { code: grpc.status.PERMISSION_DENIED, details: expect.stringContaining('it is banned') };
  expect(await before.ended).toMatchObject(refused);
  svid.set(await issued());
  const during = open('FetchX509SVID');
  expect(await during.ended).toMatchObject(refused);
  expect([before.messages.length, during.messages.length]).toEqual([1, 0]);
  svid.set({ ...svid.value(), bundle: `${ca.root}\n${(await createTestCa('other root')).root}` });
  await eventually('new roots', async () => roots.messages.length === 2 || undefined);
  refusal.set(undefined);
  const { messages } = open('FetchX509SVID');
  const [next] = await eventually('an answer', async () => (messages.length > 0 ? messages : undefined));
  expect(svidIn(next ?? Buffer.alloc(0))?.spiffeId).toBe(spiffeId);
});

test('FetchX509Bundles gives the roots by trust domain, and new ones when they change', async () => {
  const { messages } = open('FetchX509Bundles');
  await eventually('the first', async () => messages.length === 1 || undefined);
  const other = await createTestCa('other root');
  // A renewal changes no root.
  svid.set(await issued());
  svid.set({ ...svid.value(), bundle: `${ca.root}\n${other.root}` });
  await eventually('the second', async () => messages.length === 2 || undefined);
  const bundles = messages.map((bytes) => fromBinary(X509BundlesResponseSchema, bytes).bundles);
  const der = (root: string): Buffer => new X509Certificate(root).raw;
  expect(Object.keys(bundles[1] ?? {})).toEqual(['spiffe://td1']);
  expect(Buffer.from(bundles[0]?.['spiffe://td1'] ?? [])).toEqual(der(ca.root));
  expect(Buffer.from(bundles[1]?.['spiffe://td1'] ?? [])).toEqual(Buffer.concat([der(ca.root), der(other.root)]));
});

describe('who is answered', () => {
  test.each([
    ['no header', new grpc.Metadata()],
    ['another value', header('false')],
    ['another case', header('True')],
  ])('not a call with %s: a proxy must not pass on what others ask', async (_, metadata) => {
    for (const method of ['FetchX509SVID', 'FetchX509Bundles']) {
      expect(await open(method, metadata).ended).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
    }
  });

  test('no other method', async () => {
    expect(await open('FetchEverything').ended).toMatchObject({ code: grpc.status.UNIMPLEMENTED });
  });

  test('by the mode of the socket', async () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const other = join(folder, 'group.sock');
    const wide = await createWorkloadApi({
      jwt: noTokens,
      socket: { path: other },
      mode: 0o660,
      svid,
      clock,
      log: silentLog,
    });
    expect(statSync(other).mode & 0o777).toBe(0o660);
    // The files that this process makes are not affected.
    writeFileSync(join(folder, 'file'), '');
    expect(statSync(join(folder, 'file')).mode & 0o777).toBe(0o666 & ~process.umask());
    await wide.close();
  });
});

describe('the socket', () => {
  test('of a killed process is replaced, of a living one is not', async () => {
    await expect(createWorkloadApi({ jwt: noTokens, socket: { path }, svid, clock, log: silentLog })).rejects.toThrow(
      'a program listens there',
    );
    const dead = join(folder, 'dead.sock');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(dead, resolve));
    // Closed without being removed, as by kill -9.
    const { linkSync } = await import('node:fs');
    const kept = join(folder, 'kept.sock');
    linkSync(dead, kept);
    await new Promise((resolve) => server.close(resolve));
    const again = await createWorkloadApi({ jwt: noTokens, socket: { path: kept }, svid, clock, log: silentLog });
    await again.close();
  });

  test('is not put over a file, nor into a folder that is not there', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    await expect(
      createWorkloadApi({ jwt: noTokens, socket: { path: file }, svid, clock, log: silentLog }),
    ).rejects.toThrow('not a socket');
    const nowhere = join(folder, 'nowhere/api.sock');
    await expect(
      createWorkloadApi({ jwt: noTokens, socket: { path: nowhere }, svid, clock, log: silentLog }),
    ).rejects.toMatchObject({
      code: 'failed_precondition',
    });
  });

  test('is gone after close, which ends every call', async () => {
    const { ended, messages } = open('FetchX509SVID');
    await eventually('an answer', async () => messages.length > 0 || undefined);
    await api.close();
    expect((await ended).code).not.toBe(grpc.status.OK);
    expect(readdirSync(folder)).toEqual([]);
  });
});
