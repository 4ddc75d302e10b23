// Messages with texts that are no UTF-8: read as they are but for those bytes, whatever they are and wherever they stand.
import { create, fromBinary, type JsonObject, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HTTPAccessLogEntrySchema } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { escapeOddBytes, readLenient } from '../../src/observe/lenient-message.ts';

const marks = ['@path@', '@id@', '@key@', '@text@', '@subject@', '@list@', '@san@'] as const;
const [path, requestId, key, text, subject, member, san] = marks;
const metadata = { filterMetadata: { [key]: { a: text, b: [member, { c: text }] } as JsonObject } };
const peerCertificateProperties = { subject, subjectAltName: [{ san: { case: 'uri' as const, value: san } }] };
const entry = toBinary(
  HTTPAccessLogEntrySchema,
  create(HTTPAccessLogEntrySchema, {
    commonProperties: { metadata, tlsProperties: { peerCertificateProperties }, sampleRate: 0.5 },
    request: { path, requestId, requestHeadersBytes: 7n },
  }),
);
const plain = JSON.stringify(fromBinary(HTTPAccessLogEntrySchema, entry), (_, value) =>
  typeof value === 'bigint' ? Number(value) : value,
);

/** The same length, so that the message around stays as it is. */
function withBytes(mark: string, bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(entry);
  for (let at = copy.indexOf(mark); at !== -1; at = copy.indexOf(mark, at + 1)) copy.set(bytes, at);
  return copy;
}

test('every text of a message may hold any bytes', () => {
  const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const cases = fc.constantFrom(...marks).chain((mark) => bytesOf(mark.length).map((bytes) => [mark, bytes] as const));
  fc.assert(
    fc.property(cases, ([mark, bytes]) => {
      const read = readLenient(HTTPAccessLogEntrySchema, withBytes(mark, bytes));
      const shown = JSON.stringify(read, (_, value) => (typeof value === 'bigint' ? Number(value) : value));
      const quoted = JSON.stringify(escapeOddBytes(bytes)).slice(1, -1);
      expect(JSON.parse(shown)).toEqual(JSON.parse(plain.replaceAll(mark, () => quoted)));
    }),
    { numRuns: 500 },
  );
});

test('a strict reader loses the whole message', () => {
  expect(() => fromBinary(HTTPAccessLogEntrySchema, withBytes(requestId, Buffer.from([0xc3, 0x28])))).toThrow();
});

test('bytes that are UTF-8 stay, others are escaped one by one', () => {
  expect(escapeOddBytes(Buffer.from('aé\u{1f600}'))).toBe('aé\u{1f600}');
  expect(escapeOddBytes(Buffer.from([0x61, 0xc3, 0x28, 0xff, 0xc3, 0xa9]))).toBe('a\\xc3(\\xffé');
});

test('what is no message ends in an error, soon, whatever it is', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        readLenient(HTTPAccessLogEntrySchema, bytes);
      } catch (reason) {
        expect(reason).toBeInstanceOf(Error);
      }
    }),
    { numRuns: 500 },
  );
});
