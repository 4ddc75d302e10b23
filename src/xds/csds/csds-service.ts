// The client status discovery service, on the xDS port: what every connected proxy was sent, and what it answered. For operators only:
// `authorize` refuses everyone else, so that a workload's SVID gives no access to the configuration of others.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/status/v3/csds.proto
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type ClientStatusRequest,
  ClientStatusRequestSchema,
  type ClientStatusResponse,
  ClientStatusResponseSchema,
} from '#gen/envoy/service/status/v3/csds_pb.js';
import type { GrpcMethods } from '../../lib/grpc-call.ts';
import { queryMethods } from '../server/query-methods.ts';
import type { XdsServer } from '../server/server.ts';

import { clientStatus } from './client-status.ts';

export interface CsdsDeps {
  readonly server: Pick<XdsServer, 'inspect'>;
  /** Throws unless the verified peer is an operator. */
  readonly authorize: (certificate: Uint8Array | undefined) => void;
}

/** Answers from the streams as they stand at that moment; a stream of queries gets one answer to each. */
export function createCsdsService({ server, authorize }: CsdsDeps): GrpcMethods {
  return queryMethods<ClientStatusRequest, ClientStatusResponse>({
    name: 'envoy.service.status.v3.ClientStatusDiscoveryService',
    unary: 'FetchClientStatus',
    stream: 'StreamClientStatus',
    decode: (bytes) => fromBinary(ClientStatusRequestSchema, bytes),
    encode: (response) => toBinary(ClientStatusResponseSchema, response),
    answer(request, { certificate }) {
      authorize(certificate);
      return clientStatus(server.inspect(), request);
    },
  });
}
