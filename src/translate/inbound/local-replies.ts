// What a caller is told that the proxy itself refuses: that it is, and under which number the refusal was logged. No policy's
// name, which is for operators (`cellwall explain --request`). An application's own answers stay as they are: the connection
// manager's always_set_request_id_in_response would replace the id that many set themselves.
import { create } from '@bufbuild/protobuf';
import { AccessLogFilterSchema, ComparisonFilter_Op } from '#gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { HeaderValueOption_HeaderAppendAction } from '#gen/envoy/config/core/v3/base_pb.js';
import {
  type LocalReplyConfig,
  LocalReplyConfigSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';

const requestId = {
  header: { key: 'x-request-id', value: '%REQ(X-REQUEST-ID):128%' },
  appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
};

/** In gRPC the body is the status' message. */
const refusal = 'access denied; request id %REQ(X-REQUEST-ID):128%';

/** The chain that answers a strict service's health path says itself what is missing: a certificate. */
export function localReplies(chain: 'mtls' | 'plain' | 'health'): LocalReplyConfig {
  const neutral = {
    filter: statusIs(ComparisonFilter_Op.EQ, 403),
    headersToAdd: [requestId],
    bodyFormatOverride: bodyFormat(refusal),
  };
  return create(LocalReplyConfigSchema, {
    mappers: [
      ...(chain === 'health' ? [] : [neutral]),
      { filter: statusIs(ComparisonFilter_Op.GE, 400), headersToAdd: [requestId] },
    ],
  });
}

function bodyFormat(text: string) {
  return { format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: text } } } } as const;
}

function statusIs(op: ComparisonFilter_Op, status: number) {
  return create(AccessLogFilterSchema, {
    filterSpecifier: {
      case: 'statusCodeFilter',
      // A runtime key is required, and nobody sets it.
      value: { comparison: { op, value: { defaultValue: status, runtimeKey: 'cellwall.unset' } } },
    },
  });
}
