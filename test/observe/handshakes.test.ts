// What is kept of handshakes that failed: bounded, in a closed set of words, over restarts.
import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { type AccessLogCommon, AccessLogCommonSchema } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import type { Json } from '../../src/lib/table.ts';
import { handshakeFault } from '../../src/observe/handshake-fault.ts';
import { createHandshakes } from '../../src/observe/handshakes.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const expired =
  'TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify cert failed: ' +
  'X509_verify_cert: certificate verification error at depth 0: certificate has expired:TLS_error_end';
const scanned = 'TLS_error:|268435612:SSL routines:OPENSSL_internal:HTTP_REQUEST:TLS_error_end';

const entry = (downstreamTransportFailureReason: string, address = '10.0.0.1'): AccessLogCommon =>
  create(AccessLogCommonSchema, {
    downstreamTransportFailureReason,
    downstreamDirectRemoteAddress: { address: { case: 'socketAddress', value: { address } } },
  });

it('counts a reason and an address together, and tells callers from scanners', () => {
  const clock = createFakeClock();
  const handshakes = createHandshakes({ clock, table: createMemoryTable() });
  handshakes.record({ service: 'api' }, entry(expired));
  handshakes.record({ service: 'api' }, entry(expired));
  handshakes.record({ service: 'api' }, entry(scanned));
  handshakes.record({ service: 'api' }, entry(''));
  handshakes.record({ service: 'api' }, undefined);
  expect(handshakes.failed().map(({ why, count, caller }) => [why, count, caller])).toEqual([
    ['its certificate has expired', 2, true],
    ['plaintext HTTP, where TLS is needed', 1, false],
  ]);
});

it("keeps so many of a service, whatever comes, and nobody else's go for it", () => {
  const handshakes = createHandshakes({ clock: createFakeClock(), table: createMemoryTable(), maxOfService: 10 });
  handshakes.record({ service: 'other' }, entry(expired));
  for (let i = 0; i < 10_000; i++) handshakes.record({ service: 'api' }, entry(expired, `10.1.${i >> 8}.${i & 255}`));
  const failed = handshakes.failed();
  expect(failed.filter(({ service }) => service === 'api').length).toBe(10);
  expect(failed.some(({ service }) => service === 'other')).toBe(true);
});

it.each([
  ["a terminal's escapes", 'TLS_error:|\u001b[31m:OPENSSL_internal:\u001b[2J:', 'the handshake failed'],
  [
    'a new code',
    'TLS_error:|1:SSL routines:OPENSSL_internal:SOMETHING_NEW:TLS_error_end',
    'the handshake failed (SOMETHING_NEW)',
  ],
  ['a very long text', `TLS_error:|${'x'.repeat(100_000)}`, 'the handshake failed'],
])('says of %s no more than it knows', (_what, text, why) => {
  expect(handshakeFault(text)).toEqual({ why, caller: false });
});

it('takes for no failure what went on in plaintext', () => {
  expect(
    handshakeFault('TLS_error|error:1000009c:SSL routines:OPENSSL_internal:HTTP_REQUEST:TLS_error_end'),
  ).toBeUndefined();
});

it('says of an application that speaks no HTTP to whom it did, and holds nobody for it', () => {
  const handshakes = createHandshakes({ clock: createFakeClock(), table: createMemoryTable() });
  handshakes.notHttp({ service: 'web' }, 'cell-1/gitaly', entry('', '127.0.0.1'));
  const [found] = handshakes.failed();
  expect(found).toMatchObject({ service: 'web', address: '127.0.0.1', caller: false, count: 1 });
  expect(found?.why).toContain('the port of cell-1/gitaly is no HTTP');
});

it('keeps no text for an address', () => {
  const handshakes = createHandshakes({ clock: createFakeClock(), table: createMemoryTable() });
  handshakes.record({ service: 'api' }, entry(expired, '\u001b[31m10.0.0.1'));
  expect(handshakes.failed()[0]?.address).toBe('an unknown address');
});

it('knows after a restart what it knew, and forgets what is a month old', async () => {
  const clock = createFakeClock();
  const table = createMemoryTable();
  const before = createHandshakes({ clock, table });
  before.record({ service: 'api' }, entry(expired));
  await before.flush();
  const after = createHandshakes({ clock, table });
  await after.restore();
  expect(after.failed()).toEqual(before.failed());
  clock.advance(32 * 86_400_000);
  await after.flush();
  expect(after.failed()).toEqual([]);
  expect(await table.list()).toEqual([]);
});

it('are read back within the bounds of one service, the newest, whatever the table has grown to', async () => {
  const rows = Array.from({ length: 5000 }, (_, at) => [`10.0.0.${at}`, 'x', true, 1, at]);
  const entries = new Map<string, Json>([['api', rows]]);
  const handshakes = createHandshakes({ clock: createFakeClock(), table: createMemoryTable(entries), maxOfService: 3 });
  await handshakes.restore();
  expect(handshakes.failed().map(({ lastSeen }) => lastSeen)).toEqual([4997, 4998, 4999]);
});
