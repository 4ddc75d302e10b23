// Splits a message of an access-log stream without reading its entries: they are read one by one, so that a large message is processed in
// pieces, and an unreadable entry does not affect the others.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/accesslog/v3/als.proto
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import {
  type HTTPAccessLogEntry,
  HTTPAccessLogEntrySchema,
  type TCPAccessLogEntry,
  TCPAccessLogEntrySchema,
} from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import {
  type StreamAccessLogsMessage_Identifier,
  StreamAccessLogsMessage_IdentifierSchema,
} from '#gen/envoy/service/accesslog/v3/als_pb.js';
import { CellwallError } from '../lib/errors.ts';
import { readLenient } from './lenient-message.ts';

export type LogPart =
  | { readonly kind: 'identifier'; readonly identifier: StreamAccessLogsMessage_Identifier }
  | { readonly kind: 'http'; readonly entry: HTTPAccessLogEntry }
  | { readonly kind: 'tcp'; readonly entry: TCPAccessLogEntry }
  /** An unreadable entry. */
  | { readonly kind: 'unreadable' };

/** Larger than the headers that Envoy accepts, several times. */
const maxEntryBytes = 512 * 1024;

/** Throws `invalid_argument` if the message itself is cut off. */
export function* readLogMessage(bytes: Uint8Array): Generator<LogPart, void> {
  for (const [field, value] of fieldsOf(bytes)) {
    if (field === 1) yield { kind: 'identifier', identifier: identifierOf(value) };
    else if (field === 2) for (const [, entry] of fieldsOf(value, 1)) yield httpPart(entry);
    else if (field === 3) for (const [, entry] of fieldsOf(value, 1)) yield tcpPart(entry);
  }
}

function* fieldsOf(bytes: Uint8Array, only?: number): Generator<readonly [number: number, value: Uint8Array], void> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, value] = readable(() => fieldOf(reader));
    if (value !== undefined && (only === undefined || number === only)) yield [number, value];
  }
}

/** One of another wire type has no value here. */
function fieldOf(reader: BinaryReader): readonly [number: number, value: Uint8Array | undefined] {
  const [number, wire] = reader.tag();
  if (wire === WireType.LengthDelimited) return [number, reader.bytes()];
  reader.skip(wire, number);
  return [number, undefined];
}

function identifierOf(bytes: Uint8Array): StreamAccessLogsMessage_Identifier {
  return readable(() => readLenient(StreamAccessLogsMessage_IdentifierSchema, bytes));
}

/** What cannot be decoded is its sender's fault. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new CellwallError('invalid_argument', 'a message of an access log that cannot be decoded', {
      hint: 'send StreamAccessLogsMessage of envoy.service.accesslog.v3',
      cause,
    });
  }
}

function httpPart(bytes: Uint8Array): LogPart {
  if (bytes.length > maxEntryBytes) return { kind: 'unreadable' };
  try {
    return { kind: 'http', entry: readLenient(HTTPAccessLogEntrySchema, bytes) };
  } catch {
    return { kind: 'unreadable' };
  }
}

function tcpPart(bytes: Uint8Array): LogPart {
  if (bytes.length > maxEntryBytes) return { kind: 'unreadable' };
  try {
    return { kind: 'tcp', entry: readLenient(TCPAccessLogEntrySchema, bytes) };
  } catch {
    return { kind: 'unreadable' };
  }
}
