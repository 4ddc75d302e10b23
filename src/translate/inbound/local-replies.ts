// What a caller gets when the proxy itself denies a call: that it was denied, and the id under which this was logged. No policy's name,
// which is for operators (`cellwall explain --request`). The id is created here, for this denial only: an x-request-id that a caller chose
// may be another's. An application's own answers stay as they are: the connection manager's always_set_request_id_in_response would replace
// the id that many set themselves.
import { create } from '@bufbuild/protobuf';
import { AccessLogFilterSchema, ComparisonFilter_Op } from '#gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { HeaderValueOption_HeaderAppendAction } from '#gen/envoy/config/core/v3/base_pb.js';
import {
  type LocalReplyConfig,
  LocalReplyConfigSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { constant } from '../wire/constant.ts';

/** Logged with the answer (access-logs.ts). */
export const refusalIdHeader = 'x-request-id';

/** In gRPC the body is the status message. The header was set before. */
const toldId = `%RESP(${refusalIdHeader.toUpperCase()})%`;
const refusal = `access denied; request id ${toldId}`;

/** The chain that answers a strict service's health path says itself what is missing: a certificate. */
export const localReplies = constant((chain: 'mtls' | 'plain' | 'health'): LocalReplyConfig => {
  const neutral = {
    filter: statusIs(ComparisonFilter_Op.EQ, 403),
    headersToAdd: [requestId('%UNIQUE_ID%')],
    bodyFormatOverride: bodyFormat(refusal),
  };
  return create(LocalReplyConfigSchema, {
    mappers: [
      ...(chain === 'health' ? [] : [neutral]),
      // What failed behind the proxy keeps the id by which the caller traces it.
      { filter: statusIs(ComparisonFilter_Op.GE, 500), headersToAdd: [requestId('%REQ(X-REQUEST-ID):128%')] },
      { filter: statusIs(ComparisonFilter_Op.GE, 400), headersToAdd: [requestId('%UNIQUE_ID%')] },
    ],
  });
});

/**
 * For a caller's own sidecar: that it answered itself, with an id that is created here as well. A denial by the service is an answer like
 * any other, with the id that the service's sidecar created.
 */
export const ownReplies = constant(
  (): LocalReplyConfig =>
    create(LocalReplyConfigSchema, {
      mappers: [
        {
          filter: statusIs(ComparisonFilter_Op.GE, 400),
          headersToAdd: [requestId('%UNIQUE_ID%')],
          bodyFormatOverride: bodyFormat(
            `%LOCAL_REPLY_BODY% (answered by the caller's own sidecar; request id ${toldId})`,
          ),
        },
      ],
    }),
);

function requestId(value: string) {
  return {
    header: { key: refusalIdHeader, value },
    appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
  };
}

function bodyFormat(text: string) {
  return { format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: text } } } } as const;
}

function statusIs(op: ComparisonFilter_Op, status: number) {
  return create(AccessLogFilterSchema, {
    filterSpecifier: { case: 'statusCodeFilter', value: { comparison: statusComparison(op, status) } },
  });
}

/** A runtime key is required, and nobody sets it. */
export function statusComparison(op: ComparisonFilter_Op, status: number) {
  return { op, value: { defaultValue: status, runtimeKey: 'cellwall.unset' } };
}
