// Messages that share most of what they contain are encoded and looked into as if each had been made as a whole.
import { create, type DescMessage, type Message, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TrafficDirection } from '#gen/envoy/config/core/v3/base_pb.js';
import { type Listener, ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { inspect, lint } from '../../src/translate/linter.ts';
import type { TranslatedResource } from '../../src/translate/proxy.ts';
import { translate } from '../../src/translate/translate.ts';
import { address } from '../../src/translate/wire/address.ts';
import { composer, compositionOf } from '../../src/translate/wire/compose.ts';
import { encodeMessage } from '../../src/translate/wire/encode.ts';
import { arbitraryCase, shapesOf } from './arbitrary-mesh.ts';

/** The same, made as a whole. */
function whole(message: Message): Message {
  return { ...message };
}

function hex(schema: DescMessage, message: Message): string {
  return Buffer.from(encodeMessage(schema, message)).toString('hex');
}

function asWhole(resource: TranslatedResource): TranslatedResource {
  return { ...resource, message: whole(resource.message) };
}

function sorted({ findings, refers, secrets, ...place }: ReturnType<typeof inspect>) {
  const texts = (all: readonly unknown[]): readonly string[] => all.map((one) => JSON.stringify(one)).toSorted();
  return { ...place, findings: texts(findings), refers: texts(refers), secrets: texts(secrets) };
}

test('whatever is translated has the same bytes, and is found to be the same', () => {
  let composed = 0;
  fc.assert(
    fc.property(arbitraryCase, ({ mesh, endpoints, bundles }) => {
      for (const resource of shapesOf({ mesh, endpoints, bundles }).flatMap((shape) =>
        translate(mesh, endpoints, bundles, shape),
      )) {
        const { schema, message } = resource;
        const bytes = Buffer.from(toBinary(schema, whole(message))).toString('hex');
        expect(hex(schema, message)).toBe(bytes);
        if (compositionOf(message) === undefined) continue;
        composed++;
        expect(sorted(inspect(resource))).toEqual(sorted(inspect(asWhole(resource))));
      }
    }),
    { numRuns: 8 },
  );
  expect(composed).toBeGreaterThan(8);
});

describe('a listener of which the address is its own', () => {
  const madeOf = (host: string, direction = TrafficDirection.OUTBOUND, port = 15_001): Listener => {
    const base = create(ListenerSchema, {
      name: 'one',
      trafficDirection: direction,
      enableReusePort: false,
      filterChains: [{ name: 'empty', filters: [{ name: 'unknown', configType: { case: undefined } }] }],
    });
    return composer(base, ['address'])({ address: address(host, port) });
  };
  const resourceOf = (message: Listener): TranslatedResource => ({
    ...{ typeUrl: `type.googleapis.com/${ListenerSchema.typeName}`, name: 'one', schema: ListenerSchema },
    ...{ message, madeBy: () => [] },
  });

  test('is checked with it, however often others were found harmless', () => {
    const base = create(ListenerSchema, {
      name: 'one',
      trafficDirection: TrafficDirection.OUTBOUND,
      enableReusePort: false,
    });
    const listener = composer(base, ['address']);
    const codes = (host: string) => lint([resourceOf(listener({ address: address(host, 1) }))]).map(({ code }) => code);
    expect(codes('127.0.0.1')).toEqual([]);
    expect(codes('0.0.0.0')).toEqual(['listener-not-loopback']);
    expect(codes('127.0.0.1')).toEqual([]);
  });

  test('has the findings of what it shares each time', () => {
    const listener = madeOf('10.0.0.1', TrafficDirection.INBOUND);
    const findings = lint([resourceOf(listener)]);
    expect(findings.map(({ code }) => code)).toContain('chain-unauthorized');
    expect(lint([resourceOf(listener)])).toEqual(findings);
    expect(lint([asWhole(resourceOf(listener))])).toEqual(findings);
  });

  test('encodes absent fields of its own as absent', () => {
    const base = create(ListenerSchema, { name: 'one' });
    const message = composer(base, ['address', 'additionalAddresses'])({
      address: address('::', 9),
      additionalAddresses: [],
    });
    expect(hex(ListenerSchema, message)).toBe(Buffer.from(toBinary(ListenerSchema, message)).toString('hex'));
  });

  test('cannot change what it shares', () => {
    const listener = madeOf('127.0.0.1');
    expect(() => listener.filterChains.pop()).toThrow(TypeError);
  });
});
