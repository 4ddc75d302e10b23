// Access logs to the control plane, over the connection that the bootstrap has anyway: evidence of who calls with what. They contain
// identity, result and code; bodies are never logged.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type AccessLog,
  type AccessLogFilter,
  AccessLogFilterSchema,
  AccessLogSchema,
  ComparisonFilter_Op,
  GrpcStatusFilter_Status,
} from '#gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { ApiVersion } from '#gen/envoy/config/core/v3/config_source_pb.js';
import { ExpressionFilterSchema } from '#gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js';
import {
  type CommonGrpcAccessLogConfig,
  CommonGrpcAccessLogConfigSchema,
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from '#gen/envoy/extensions/access_loggers/grpc/v3/als_pb.js';
import { controlPlaneCluster } from '../names.ts';
import { any } from '../wire/any.ts';
import { constant } from '../wire/constant.ts';
import { duration } from '../wire/duration.ts';
import { refusalIdHeader, statusComparison } from './local-replies.ts';

/** Maximum age of an entry on the proxy: recent enough for people, while a message under load still contains many entries. */
const flushMs = 500;

/** `states`: what filters of the chain leave for it, by key. */
export function httpAccessLog(logName: string, states: readonly string[] = []): AccessLog {
  return create(AccessLogSchema, {
    name: 'envoy.access_loggers.http_grpc',
    configType: {
      case: 'typedConfig',
      value: any(HttpGrpcAccessLogConfigSchema, {
        commonConfig: commonConfig(logName, states),
        additionalResponseHeadersToLog: [refusalIdHeader],
      }),
    },
  });
}

/** For a TCP chain; or, on a listener, for every connection: the only log in which failed handshakes appear. */
export function connectionAccessLog(logName: string): AccessLog {
  return create(AccessLogSchema, {
    name: 'envoy.access_loggers.tcp_grpc',
    configType: {
      case: 'typedConfig',
      value: any(TcpGrpcAccessLogConfigSchema, { commonConfig: commonConfig(logName) }),
    },
  });
}

/**
 * For a dependency's listener: what the proxy answered itself. That excludes ordinary calls, calls whose caller left, and calls whose
 * answer broke off after it had begun: nobody could receive an id.
 */
export function ownAnswersAccessLog(logName: string): AccessLog {
  const log = httpAccessLog(logName);
  log.filter = onlyOwnAnswers();
  return log;
}

const ownAnswers = ['via_upstream', 'downstream_', 'http2.remote_', 'upstream_reset_after_response_started']
  .map((beginning) => `!response.code_details.startsWith('${beginning}')`)
  .join(' && ');

const grpcRequest = {
  name: 'content-type',
  headerMatchSpecifier: {
    case: 'stringMatch',
    value: { matchPattern: { case: 'prefix', value: 'application/grpc' }, ignoreCase: true },
  },
} as const;

// A proxy's own answer is a failure. Evaluating the expression costs something for each call, so it is evaluated only for failures: by the
// status, or for gRPC, where that is 200, by the gRPC status.
const onlyOwnAnswers = constant(() => {
  const failed = filter({
    case: 'statusCodeFilter',
    value: { comparison: statusComparison(ComparisonFilter_Op.GE, 400) },
  });
  const isGrpc = filter({ case: 'headerFilter', value: { header: grpcRequest } });
  const grpcFailed = filter({
    case: 'grpcStatusFilter',
    value: { statuses: [GrpcStatusFilter_Status.OK], exclude: true },
  });
  const byDetails = filter({
    case: 'extensionFilter',
    value: {
      name: 'envoy.access_loggers.extension_filters.cel',
      configType: { case: 'typedConfig', value: any(ExpressionFilterSchema, { expression: ownAnswers }) },
    },
  });
  return and(or(failed, and(isGrpc, grpcFailed)), byDetails);
});

function filter(filterSpecifier: MessageInitShape<typeof AccessLogFilterSchema>['filterSpecifier']): AccessLogFilter {
  return create(AccessLogFilterSchema, { filterSpecifier: filterSpecifier ?? { case: undefined } });
}

function and(...filters: AccessLogFilter[]): AccessLogFilter {
  return filter({ case: 'andFilter', value: { filters } });
}

function or(...filters: AccessLogFilter[]): AccessLogFilter {
  return filter({ case: 'orFilter', value: { filters } });
}

function commonConfig(logName: string, states: readonly string[] = []): CommonGrpcAccessLogConfig {
  return create(CommonGrpcAccessLogConfigSchema, {
    logName,
    transportApiVersion: ApiVersion.V3,
    bufferFlushInterval: duration(flushMs),
    filterStateObjectsToLog: [...states],
    grpcService: { targetSpecifier: { case: 'envoyGrpc', value: { clusterName: controlPlaneCluster } } },
  });
}
