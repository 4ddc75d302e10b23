// What is compared with Envoy's counters of an access log: which of a proxy's inbound logs it is, and when an entry's request or connection
// had ended. Pure.
import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';
import type { AccessLogCommon } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { readInboundLogName } from '../lib/log-names.ts';
import type { InboundLogKind } from './cross-check.ts';

/** Undefined for logs that are not of the inbound listener. */
export function inboundLogKind(logName: string, entries: 'http' | 'tcp'): InboundLogKind | undefined {
  const part = readInboundLogName(logName)?.part;
  return part === undefined || part === 'listener' || entries === 'http' ? part : 'tcp';
}

/** Epoch milliseconds of the proxy's clock; -Infinity if unknown. */
export function endOf(common: AccessLogCommon | undefined): number {
  if (common?.startTime === undefined || common.duration === undefined) return Number.NEGATIVE_INFINITY;
  return millis(common.startTime) + millis(common.duration);
}

function millis({ seconds, nanos }: Timestamp | Duration): number {
  return Number(seconds) * 1000 + nanos / 1e6;
}
