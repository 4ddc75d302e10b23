// Of a message of an access log, what is compared with Envoy's counters: which of a proxy's inbound logs it is, and when each entry's
// request or connection had ended. Pure.
import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';
import type { AccessLogCommon } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import type { StreamAccessLogsMessage } from '#gen/envoy/service/accesslog/v3/als_pb.js';
import type { InboundLogKind } from './cross-check.ts';

/** `logName` as translate sets it; undefined for other logs. */
export function inboundLogKind(logName: string, { logEntries }: StreamAccessLogsMessage): InboundLogKind | undefined {
  const [, chain] = /^inbound\/.+\/(mtls|plain|health|listener)$/.exec(logName) ?? [];
  if (chain === 'listener') return 'listener';
  if (chain === undefined || logEntries.case === undefined) return undefined;
  if (logEntries.case === 'tcpLogs') return 'tcp';
  return chain === 'mtls' ? 'mtls' : chain === 'plain' ? 'plain' : 'health';
}

/** Epoch milliseconds of the proxy's clock. */
export function endsOf({ logEntries }: StreamAccessLogsMessage): readonly number[] {
  if (logEntries.case === undefined) return [];
  return logEntries.value.logEntry.map(({ commonProperties }) => endOf(commonProperties));
}

function endOf(common: AccessLogCommon | undefined): number {
  if (common?.startTime === undefined || common.duration === undefined) return Number.NEGATIVE_INFINITY;
  return millis(common.startTime) + millis(common.duration);
}

function millis({ seconds, nanos }: Timestamp | Duration): number {
  return Number(seconds) * 1000 + nanos / 1e6;
}
