// The ids by which an entry of a proxy's access log can be looked up, and what is kept of its path. Pure.
import type { HTTPAccessLogEntry } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';

export interface EntryIds {
  /** Created by the proxy, if it answered itself (translate/inbound/local-replies.ts). */
  readonly requestId: string;
  readonly tracedAs: string;
}

/** Empty texts where there are none. */
export function idsOf({ commonProperties, request, response }: HTTPAccessLogEntry): EntryIds {
  return {
    requestId: response?.responseHeaders['x-request-id'] ?? '',
    // Envoy replaces bytes that are not UTF-8 by "!" in the request's, and leaves the stream's as it came.
    tracedAs: commonProperties?.streamId || request?.requestId || '',
  };
}

/** Without the query. */
export function pathOf({ request }: HTTPAccessLogEntry): string {
  return (request?.path ?? '').replace(/\?.*$/s, '');
}
