// By what an entry of a proxy's access log can be asked for, and what of its path is kept. Pure.
import type { HTTPAccessLogEntry } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';

export interface EntryIds {
  /** Made by the proxy, where it answered itself (translate/inbound/local-replies.ts). */
  readonly requestId: string;
  readonly tracedAs: string;
}

export function idsOf({ commonProperties, request, response }: HTTPAccessLogEntry): EntryIds {
  return {
    requestId: response?.responseHeaders['x-request-id'] ?? '',
    // Envoy puts "!" for bytes that are no UTF-8 into the request's, and leaves the stream's as it came.
    tracedAs: commonProperties?.streamId || request?.requestId || '',
  };
}

/** Without the query. */
export function pathOf({ request }: HTTPAccessLogEntry): string {
  return (request?.path ?? '').replace(/\?.*$/s, '');
}
