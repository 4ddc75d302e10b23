// What a cluster speaks: exactly what the service's application speaks. TCP: nothing of the kind.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { HttpProtocolOptionsSchema as CommonSchema } from '#gen/envoy/config/core/v3/protocol_pb.js';
import { HttpProtocolOptionsSchema } from '#gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import type { Protocol } from '../../policy/ir.ts';
import { any } from './any.ts';

/** A cluster's `typed_extension_protocol_options`. */
export function httpProtocol(protocol: Protocol, common: MessageInitShape<typeof CommonSchema>): Record<string, Any> {
  if (protocol === 'tcp') return {};
  return {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(HttpProtocolOptionsSchema, {
      commonHttpProtocolOptions: common,
      upstreamProtocolOptions: {
        case: 'explicitHttpConfig',
        value: {
          protocolConfig:
            protocol === 'http1'
              ? { case: 'httpProtocolOptions', value: {} }
              : { case: 'http2ProtocolOptions', value: {} },
        },
      },
    }),
  };
}
