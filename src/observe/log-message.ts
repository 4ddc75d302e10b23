// Splits a message of an access-log stream without reading its entries: they are read one by one, so that a large message is processed in
// pieces, an unreadable entry does not affect the others, and one like many before it need not be decoded (stable-parts.ts).
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/accesslog/v3/als.proto
import { WireType } from '@bufbuild/protobuf/wire';
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
import { type Cursor, createCursor, nextField } from './wire-scan.ts';

/** An entry as it came: where it is in its message. */
export interface RawEntry {
  readonly kind: 'http' | 'tcp';
  readonly message: Buffer;
  readonly from: number;
  readonly to: number;
}

export type LogPart =
  | { readonly kind: 'identifier'; readonly identifier: StreamAccessLogsMessage_Identifier }
  | RawEntry;

export type LogEntry =
  | { readonly kind: 'http'; readonly entry: HTTPAccessLogEntry }
  | { readonly kind: 'tcp'; readonly entry: TCPAccessLogEntry }
  /** An unreadable entry. */
  | { readonly kind: 'unreadable' };

/** Larger than the headers that Envoy accepts, several times. */
const maxEntryBytes = 512 * 1024;

/** Throws `invalid_argument` if the message itself is cut off. */
export function* readLogMessage(message: Buffer): Generator<LogPart, void> {
  const field = createCursor();
  while (isField(message, field, message.length)) {
    if (field.wire !== WireType.LengthDelimited) continue;
    if (field.field === 1) {
      yield { kind: 'identifier', identifier: identifierOf(message.subarray(field.from, field.at)) };
      continue;
    }
    const kind = field.field === 2 ? 'http' : field.field === 3 ? 'tcp' : undefined;
    if (kind === undefined) continue;
    const entry = createCursor();
    entry.at = field.from;
    while (isField(message, entry, field.at)) {
      if (entry.field !== 1 || entry.wire !== WireType.LengthDelimited) continue;
      yield { kind, message, from: entry.from, to: entry.at };
    }
  }
}

/** Whether there is another. */
function isField(bytes: Buffer, cursor: Cursor, to: number): boolean {
  if (nextField(bytes, cursor, to)) return true;
  if (cursor.at === to) return false;
  throw undecodable();
}

/** Never throws. */
export function readEntry({ kind, message, from, to }: RawEntry): LogEntry {
  if (to - from > maxEntryBytes) return { kind: 'unreadable' };
  const bytes = message.subarray(from, to);
  try {
    return kind === 'http'
      ? { kind, entry: readLenient(HTTPAccessLogEntrySchema, bytes) }
      : { kind, entry: readLenient(TCPAccessLogEntrySchema, bytes) };
  } catch {
    return { kind: 'unreadable' };
  }
}

function identifierOf(bytes: Uint8Array): StreamAccessLogsMessage_Identifier {
  try {
    return readLenient(StreamAccessLogsMessage_IdentifierSchema, bytes);
  } catch (cause) {
    throw undecodable(cause);
  }
}

/** Its sender's fault. */
function undecodable(cause?: unknown): CellwallError {
  return new CellwallError('invalid_argument', 'a message of an access log that cannot be decoded', {
    hint: 'send StreamAccessLogsMessage of envoy.service.accesslog.v3',
    ...(cause === undefined ? {} : { cause }),
  });
}
