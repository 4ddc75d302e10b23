// Entries like earlier ones are counted without being decoded: as if each had been. The other half of every comparison is a service that
// has seen nothing before, for each entry a new one.
import { create, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack, StructSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type HTTPAccessLogEntry, HTTPAccessLogEntrySchema } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import type { GrpcHandler } from '../../src/lib/grpc-call.ts';
import { silentLog } from '../../src/lib/log.ts';
import { actionsTaken } from '../../src/lib/token-actions.ts';
import type { TrustDomain } from '../../src/model/spiffe-id.ts';
import { createAccessLogService } from '../../src/observe/access-log-service.ts';
import { createBreakGlassWatch } from '../../src/observe/break-glass.ts';
import { createRefusals } from '../../src/observe/refusals.ts';
import { stablePartsOf } from '../../src/observe/stable-parts.ts';
import { createTraffic } from '../../src/observe/traffic.ts';
import { breakGlassPolicy, rbacMetadata } from '../../src/policy/own-policies.ts';
import { tokenNamespace } from '../../src/policy/token-metadata.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { httpLogs, identifier } from '../support/log-stream.ts';
import { bytesField } from '../support/proto-bytes.ts';

const web = 'spiffe://td1/service/web';
const node = 'spiffe://td1/service/api~1';

function world() {
  const clock = createFakeClock();
  const traffic = createTraffic({ clock });
  const refusals = createRefusals({ clock });
  const told = { ends: [] as number[], lost: 0, handshakes: 0, breakGlass: new Set<string>() };
  const signals = new Map<string, { count: number; took: number[]; received: number; sent: number }>();
  const service = () =>
    createAccessLogService({
      ...{ traffic, refusals, log: silentLog, trustDomain: () => 'td1' as TrustDomain, serviceOfPeer: () => 'api' },
      intake: {
        add(_who, { work, done }) {
          while (work.next().done !== true);
          done();
          return true;
        },
      },
      lossyIntake: { add: () => undefined },
      keepPath: (_port, path) => ({ kind: 'exact', path: path.replace(/\?.*/, '') }),
      crossCheck: { told: (_node, _kind, ends) => void told.ends.push(...ends) },
      handshakes: {
        record: () => undefined,
        notHttp: () => undefined,
        noHttp() {
          told.handshakes++;
        },
      },
      probes: { isName: (name) => name === 'probe', isPort: (port) => port === 4 },
      breakGlass: createBreakGlassWatch({
        ...{ clock, names: () => true },
        report: ({ principal }) => void told.breakGlass.add(principal),
      }),
      signals: {
        record(edge, { facts, decision, ...sample }) {
          const key = JSON.stringify([edge, facts, decision]);
          const sum = signals.get(key) ?? { count: 0, took: [], received: 0, sent: 0 };
          sum.count += sample.count;
          sum.took.push(...sample.took);
          sum.received += sample.received;
          sum.sent += sample.sent;
          signals.set(key, sum);
        },
      },
      onBroken: () => undefined,
      onUnreadable() {
        told.lost++;
      },
    });
  const open = (logName: string): GrpcHandler => {
    const [method] = service().values();
    const nothing = (): void => undefined;
    const header = (): undefined => undefined;
    const handler = method?.({
      peer: { address: '' },
      header,
      write: nothing,
      pause: nothing,
      resume: nothing,
      end: nothing,
    });
    if (handler === undefined) throw new Error('no method');
    handler.message(identifier(node, logName));
    return handler;
  };
  const result = () => ({
    counts: traffic
      .counts()
      .map((count) => JSON.stringify(Object.entries(count).sort(([a], [b]) => (a < b ? -1 : 1))))
      .sort(),
    signals: [...signals]
      .map(([key, { took, ...sum }]) => ({ key, ...sum, took: took.toSorted((a, b) => a - b) }))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    refusals: ids.flatMap((id) => refusals.find(id).refusals.map(({ kind }) => `${id} ${kind}`)),
    ...{ ...told, ends: told.ends.toSorted((a, b) => a - b), breakGlass: [...told.breakGlass].sort() },
  });
  return { open, result, told };
}

const ids = ['id-1', 'id-2'];
const some = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const results = fc.shuffledSubarray([
  ['authz_deny_enforced_engine_result', 'allowed'],
  ['authz_allow_enforced_engine_result', 'allowed'],
  ['authz_allow_enforced_effective_policy_id', 'p/0'],
  ['authz_allow_shadow_engine_result', 'denied'],
  ['authz_deny_shadow_engine_result', 'denied'],
  ['authz_deny_shadow_effective_policy_id', 'd/1'],
  ['authz_lookup_shadow_effective_policy_id', 'l/2'],
  ['something_else', 'allowed'],
] as const);
const metadata = fc
  .record({ rbac: results, policy: some(undefined, breakGlassPolicy), token: some(undefined, 'jwt_a', 'cellwall/a') })
  .map(({ rbac, policy, token }) => ({
    'cellwall.peer': { service: 'web' },
    ...(token === undefined ? {} : { [tokenNamespace]: { [token]: { sub: 'somebody' } } }),
    [rbacMetadata]: {
      ...Object.fromEntries(rbac),
      ...(policy === undefined ? {} : { authz_allow_enforced_effective_policy_id: policy }),
    },
  }));
const san = some(web, 'spiffe://td1/service/other', 'spiffe://td2/x', 'https://a');
const certificate = fc.record({
  subject: some('', '', 'CN=old'),
  issuer: some('', 'CN=issuer'),
  subjectAltName: fc.array(
    san.map((value) => ({ san: { case: 'uri' as const, value } })),
    { maxLength: 2 },
  ),
});
const address = fc.record({ address: some('10.0.0.1', '10.0.0.2'), port: some(4, 5) }).map(({ address: ip, port }) => ({
  address: {
    case: 'socketAddress' as const,
    value: { address: ip, portSpecifier: { case: 'portValue' as const, value: port } },
  },
}));
const stateOf = (fields: JsonObject) => ({ [actionsTaken]: anyPack(StructSchema, fromJson(StructSchema, fields)) });
const states = [
  stateOf({ 'service-credential': 'set/current' }),
  stateOf({ 'service-credential': 'set/next' }),
  stateOf({ 'service-credential': 'remove', other: 'set/current' }),
  {
    ...stateOf({ 'service-credential': 'set/next' }),
    another: anyPack(StructSchema, fromJson(StructSchema, { a: 'set/b' })),
  },
  {
    [actionsTaken]: {
      $typeName: 'google.protobuf.Any' as const,
      typeUrl: 'type.googleapis.com/google.protobuf.Struct',
      value: new Uint8Array([255]),
    },
  },
];
const time = fc.record({ seconds: some(0n, 1_795_892_021n), nanos: some(0, 821_740_000) });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 6 });
const entry: fc.Arbitrary<HTTPAccessLogEntry> = fc
  .record({
    commonProperties: optional(
      fc.record({
        tlsProperties: optional(
          fc.record({
            peerCertificateProperties: optional(certificate),
            tlsSniHostname: some('', 'probe'),
            tlsVersion: some(0, 3, 4),
          }),
        ),
        downstreamRemoteAddress: optional(address),
        downstreamDirectRemoteAddress: optional(address),
        downstreamTransportFailureReason: some('', '', '', 'broken'),
        startTime: optional(time),
        duration: optional(time),
        metadata: optional(metadata.map((filterMetadata) => ({ filterMetadata }))),
        streamId: some('', ...ids),
        filterStateObjects: some<Record<string, Any>>({}, {}, ...states),
        responseFlags: some(
          undefined,
          undefined,
          {},
          { downstreamConnectionTermination: true },
          { delayInjected: true },
        ),
        downstreamWireBytesReceived: some(0n, 17n, 2n ** 60n),
        downstreamWireBytesSent: some(0n, 300n),
      }),
    ),
    request: optional(
      fc.record({
        path: some('/a', '/a?b', '/b', '/é', ''),
        requestMethod: some(0, 1, 3),
        requestId: some('', ...ids),
      }),
    ),
    response: optional(
      fc.record({
        responseCode: some(undefined, 0, 200, 403, 503),
        responseCodeDetails: some(
          ...[
            'via_upstream',
            'via_upstream',
            'downstream_remote_disconnect',
            'no_healthy_upstream',
            'http1.codec_error',
          ],
          ...['rbac_access_denied_matched_policy[d/1]', 'path_normalization_failed', ''],
        ),
        responseHeaders: some({}, { 'x-request-id': 'id-1' }),
      }),
    ),
  })
  .map((fields) => create(HTTPAccessLogEntrySchema, fields));
const bytesOf = (one: HTTPAccessLogEntry): Buffer => Buffer.from(toBinary(HTTPAccessLogEntrySchema, one));
const logNames = some('inbound/api/mtls', 'inbound/api/plain', 'inbound/api:web/health', 'inbound/other/mtls');

function bothWays(logName: string, entries: readonly Buffer[]) {
  const [together, alone] = [world(), world()];
  const handler = together.open(logName);
  for (const one of entries) handler.message(httpLogs([bytesField(1, one), bytesField(1, one)]));
  handler.message(httpLogs(entries.map((one) => bytesField(1, one))));
  for (const one of [...entries, ...entries, ...entries]) {
    alone.open(logName).message(httpLogs([bytesField(1, one)]));
  }
  return { together: together.result(), alone: alone.result() };
}

test('entries that come again and again are counted as if each were decoded', () => {
  fc.assert(
    fc.property(logNames, fc.array(entry, { minLength: 1, maxLength: 12 }), (logName, entries) => {
      const { together, alone } = bothWays(logName, entries.map(bytesOf));
      expect(together).toEqual(alone);
    }),
    { numRuns: 300 },
  );
});

test('so are entries with a byte that is another, as long as the decoder reads them', () => {
  fc.assert(
    fc.property(
      logNames,
      entry,
      fc.array(fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.nat(255), insert: fc.boolean() }), {
        minLength: 1,
        maxLength: 6,
      }),
      (logName, original, changes) => {
        const bytes = bytesOf(original);
        const changed = changes.map(({ at, byte, insert }) => {
          const place = Math.floor(at * bytes.length);
          return Buffer.concat([bytes.subarray(0, place), Buffer.of(byte), bytes.subarray(insert ? place : place + 1)]);
        });
        const readable = changed.filter((one) => {
          const { open, told } = world();
          open(logName).message(httpLogs([bytesField(1, one)]));
          return told.lost === 0;
        });
        const { together, alone } = bothWays(logName, [bytes, ...readable]);
        expect(together).toEqual(alone);
      },
    ),
    { numRuns: 300 },
  );
});

const call = (path: string, name = web, policy = 'p/0'): Buffer =>
  bytesOf(
    create(HTTPAccessLogEntrySchema, {
      commonProperties: {
        startTime: { seconds: 1n, nanos: 5 },
        duration: { nanos: 7 },
        tlsProperties: { peerCertificateProperties: { subjectAltName: [{ san: { case: 'uri', value: name } }] } },
        metadata: { filterMetadata: { [rbacMetadata]: { authz_allow_enforced_effective_policy_id: policy } } },
      },
      request: { path },
      response: { responseCodeDetails: 'via_upstream' },
    }),
  );
const partsOf = (bytes: Buffer) => stablePartsOf(bytes, 0, bytes.length);

test('an ordinary call need not be decoded; its key has the caller and the rule in it, and neither time nor path', () => {
  const parts = partsOf(call('/a?b'));
  expect(parts).toMatchObject({ path: '/a?b', endedAt: 1000 + 12 / 1e6, tookMs: 7 / 1e6, received: 0, sent: 0 });
  expect(partsOf(call('/c'))?.key).toBe(parts?.key);
  expect(partsOf(call('/a?b', 'spiffe://td1/service/we'))?.key).not.toBe(parts?.key);
  expect(partsOf(call('/a?b', web, 'p/1'))?.key).not.toBe(parts?.key);
});

test('what is unusual is for the decoder: a field twice, a path that is not ASCII, none', () => {
  const usual = call('/a');
  expect(partsOf(usual)).toBeDefined();
  expect(partsOf(Buffer.concat([usual, bytesField(4, '')]))).toBeUndefined();
  expect(partsOf(call('/é'))).toBeUndefined();
  expect(partsOf(call(''))).toBeUndefined();
  expect(partsOf(usual.subarray(0, -1))).toBeUndefined();
  expect(partsOf(Buffer.concat([usual, Buffer.alloc(64 * 1024)]))).toBeUndefined();
});
