// What is written by hand is byte for byte what protobuf-es encodes.
import { create, toBinary } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ControlPlaneSchema } from '#gen/envoy/config/core/v3/base_pb.js';
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
  ResourceSchema,
} from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { framePrefix } from '../../src/lib/grpc-call.ts';
import { frameDelta, frameSotw } from '../../src/xds/protocol/response.ts';
import { contentVersion, encodeResource } from '../../src/xds/resources/encode.ts';
import { setVersion } from '../../src/xds/resources/set-version.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';

const typeUrl = typeUrls.cluster;
const sizes = [0, 1, 127, 128, 16_383, 16_384, 300_000];
const controlPlane = create(ControlPlaneSchema, { identifier: 'cellwall' });

/** gRPC's prefix, and then just these bytes. */
function expectFrame(frame: Buffer, message: Uint8Array): void {
  expect(frame.subarray(framePrefix).equals(message)).toBe(true);
  expect([frame[0], frame.readUInt32BE(1)]).toEqual([0, message.length]);
}

describe('a frame', () => {
  test.each(sizes)('a resource of %i bytes, state-of-the-world', (size) => {
    const value = new Uint8Array(size).fill(7);
    const resources = [encodeResource(typeUrl, 'a', value), encodeResource(typeUrl, 'ü', value)];
    const message = create(DiscoveryResponseSchema, {
      versionInfo: 'v',
      typeUrl,
      nonce: 'n-1',
      controlPlane,
      resources: resources.map(() => create(AnySchema, { typeUrl, value })),
    });
    const framed = frameSotw({ typeUrl, version: 'v', nonce: 'n-1', resources });
    expectFrame(framed, toBinary(DiscoveryResponseSchema, message));
  });

  test.each(sizes)('a resource of %i bytes, delta', (size) => {
    const value = new Uint8Array(size).fill(7);
    const resources = [encodeResource(typeUrl, 'a', value), encodeResource(typeUrl, 'n'.repeat(200), value, 'serial')];
    const message = create(DeltaDiscoveryResponseSchema, {
      systemVersionInfo: '12',
      typeUrl,
      nonce: 'n-1',
      controlPlane,
      removedResources: ['gone', 'ü'],
      resources: resources.map(({ name, version }) =>
        create(ResourceSchema, { name, version, resource: create(AnySchema, { typeUrl, value }) }),
      ),
    });
    const framed = frameDelta({ typeUrl, version: '12', nonce: 'n-1', resources, removed: ['gone', 'ü'] });
    expectFrame(framed, toBinary(DeltaDiscoveryResponseSchema, message));
  });

  test('an empty response', () => {
    const message = create(DiscoveryResponseSchema, { typeUrl, nonce: 'n', controlPlane });
    const framed = frameSotw({ typeUrl, version: '', nonce: 'n', resources: [] });
    expectFrame(framed, toBinary(DiscoveryResponseSchema, message));
  });
});

describe('versions', () => {
  test('are a hash of the content', () => {
    const value = Buffer.from('abc');
    expect(encodeResource(typeUrl, 'a', value).version).toBe('ba7816bf8f01cfea');
    expect(encodeResource(typeUrl, 'b', value).version).toBe(contentVersion(value));
    expect(encodeResource(typeUrl, 'b', value, 'serial').version).toBe('serial');
  });

  test('of a set do not depend on its order, but on each name and version', () => {
    const one = (name: string, text: string) => encodeResource(typeUrl, name, Buffer.from(text));
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(fc.string(), fc.string()), { selector: ([name]) => name }), (pairs) => {
        const set = pairs.map(([name, text]) => one(name, text));
        expect(setVersion(set)).toBe(setVersion([...set].reverse()));
        expect(setVersion([...set, one('another', '')])).not.toBe(setVersion(set));
      }),
      { numRuns: 100 },
    );
    expect(setVersion([one('a', 'x'), one('b', 'y')])).not.toBe(setVersion([one('a', 'y'), one('b', 'x')]));
  });
});
