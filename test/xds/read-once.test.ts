// Reading a request once for many streams must read it as reading it alone does, whatever its bytes are.
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema } from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { CellwallError } from '../../src/lib/errors.ts';
import { defaultLimits } from '../../src/xds/protocol/limits.ts';
import { readOnce } from '../../src/xds/protocol/read-once.ts';
import type { DeltaRequest, Received, SotwRequest } from '../../src/xds/protocol/received.ts';
import { readDelta, readSotw } from '../../src/xds/protocol/request.ts';
import { createSharedSteps } from '../../src/xds/protocol/shared-steps.ts';
import { deltaFields, sotwFields } from '../../src/xds/protocol/variant.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';

const text = fc.oneof(fc.constantFrom('', 'a', 'b'), fc.string({ maxLength: 200, unit: 'grapheme' }));
const names = fc.array(fc.constantFrom('a', 'b', '*', 'é'), { maxLength: 3 });
const typeUrl = fc.constantFrom(typeUrls.cluster, typeUrls.extension, 'other', '');
const node = fc.option(fc.record({ id: text, cluster: text }), { nil: undefined });
const errorDetail = fc.option(fc.record({ message: text }), { nil: undefined });

const sotw = fc
  .record({ typeUrl, node, errorDetail, versionInfo: text, responseNonce: text, resourceNames: names })
  .map((fields) => toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, fields)));
const delta = fc
  .record({
    ...{ typeUrl, node, errorDetail, responseNonce: text },
    ...{ resourceNamesSubscribe: names, resourceNamesUnsubscribe: names },
    initialResourceVersions: fc.dictionary(fc.constantFrom('a', 'b'), text),
  })
  .map((fields) => toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, fields)));

/** As they are, or one after another: with fields that occur twice. */
const sound = (requests: fc.Arbitrary<Uint8Array>) =>
  fc.oneof(
    requests,
    fc.tuple(requests, requests).map((both) => Buffer.concat(both)),
  );

/** Cut off, or with a byte that is different. */
const spoilt = (requests: fc.Arbitrary<Uint8Array>) =>
  fc.oneof(
    fc.tuple(requests, fc.nat(40)).map(([bytes, less]) => bytes.subarray(0, Math.max(0, bytes.length - less))),
    fc.tuple(requests, fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
      const changed = Buffer.from(bytes);
      if (changed.length > 0) changed[at % changed.length] = value;
      return changed;
    }),
  );

const told = <T>(read: () => T): T | 'refused' => {
  try {
    return read();
  } catch (reason) {
    expect(reason).toBeInstanceOf(CellwallError);
    return 'refused';
  }
};

/** The order of names means nothing. */
function inOrder(read: Received<SotwRequest | DeltaRequest> | 'refused') {
  if (read === 'refused' || read.request === undefined) return read;
  const { request } = read;
  const lists = 'names' in request ? { names: request.names } : request;
  const ordered = Object.entries(lists).map(([key, value]) => [key, Array.isArray(value) ? value.toSorted() : value]);
  return { ...read, request: { ...request, ...Object.fromEntries(ordered) } };
}

describe('read once for many', () => {
  test.each([
    ['sotw', sotw, readSotw, sotwFields],
    ['delta', delta, readDelta, deltaFields],
  ] as const)('%s: what is read is what reading it alone finds', (_, requests, reader, fields) => {
    const shared = createSharedSteps('test');
    fc.assert(
      fc.property(sound(requests), fc.constantFrom(undefined, typeUrls.cluster), (bytes, only) => {
        // @ts-expect-error TypeScript cannot see that reader and fields belong together.
        const once = told(() => readOnce(reader, fields, shared, bytes, only, defaultLimits));
        expect(inOrder(once)).toEqual(inOrder(told(() => reader(bytes, only, defaultLimits))));
      }),
      { numRuns: 2000 },
    );
    // The decoder lets a field within a field reach beyond its end, so that what such bytes mean depends on what follows: nothing.
    fc.assert(
      fc.property(spoilt(requests), (bytes) => {
        // @ts-expect-error As above.
        const once = told(() => readOnce(reader, fields, shared, bytes, undefined, defaultLimits));
        expect(once).toBeTruthy();
      }),
      { numRuns: 2000 },
    );
  });

  test('ACKs of different responses are decoded once', () => {
    const shared = createSharedSteps('test');
    const ack = (responseNonce: string, versionInfo: string) =>
      toBinary(
        DiscoveryRequestSchema,
        create(DiscoveryRequestSchema, {
          ...{ versionInfo, responseNonce, typeUrl: typeUrls.secret, resourceNames: ['a', 'b'] },
        }),
      );
    const first = readOnce(readSotw, sotwFields, shared, ack('1', 'one'), undefined, defaultLimits);
    const second = readOnce(readSotw, sotwFields, shared, ack('2', 'two'), undefined, defaultLimits);
    expect(shared.counters.requestsRead).toBe(1);
    expect(second.request).toEqual({ ...first.request, nonce: '2', version: 'two' });
    expect(second.request?.names).toBe(first.request?.names);
  });

  test('the same names and versions in another order are one request', () => {
    const shared = createSharedSteps('test');
    const read = (entries: readonly (readonly [string, string])[]) =>
      readOnce(
        ...([readDelta, deltaFields, shared] as const),
        toBinary(
          DeltaDiscoveryRequestSchema,
          create(DeltaDiscoveryRequestSchema, {
            ...{ node: { id: String(entries) }, typeUrl: typeUrls.endpoint },
            resourceNamesSubscribe: entries.map(([name]) => name),
            initialResourceVersions: Object.fromEntries(entries),
          }),
        ),
        ...([undefined, defaultLimits] as const),
      );
    const entries = Array.from({ length: 50 }, (_, index) => [`service-${index}`, `version ${index}`] as const);
    const first = read(entries);
    const second = read(entries.toReversed());
    expect(shared.counters.requestsRead).toBe(1);
    expect(second.request).toBe(first.request);
    expect(read(entries.map(([name]) => [name, 'another'] as const)).request).not.toBe(first.request);
  });

  test('of a name that is listed twice the last version counts, in either order', () => {
    const shared = createSharedSteps('test');
    const part = (version: string): Uint8Array =>
      toBinary(
        DeltaDiscoveryRequestSchema,
        create(DeltaDiscoveryRequestSchema, { initialResourceVersions: { a: version } }),
      );
    const type = toBinary(
      DeltaDiscoveryRequestSchema,
      create(DeltaDiscoveryRequestSchema, { typeUrl: typeUrls.endpoint }),
    );
    const read = (...versions: readonly string[]) =>
      readOnce(
        ...([readDelta, deltaFields, shared, Buffer.concat([type, ...versions.map(part)])] as const),
        ...([undefined, defaultLimits] as const),
      ).request?.initialVersions.get('a');
    expect([read('1', '2'), read('2', '1'), read('1', '2')]).toEqual(['2', '1', '2']);
  });
});
