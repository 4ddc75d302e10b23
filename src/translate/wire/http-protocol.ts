// The protocol of a cluster: exactly that of the service's application. TCP: none.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type {
  HttpProtocolOptionsSchema as CommonSchema,
  Http2ProtocolOptionsSchema,
} from '#gen/envoy/config/core/v3/protocol_pb.js';
import { HttpProtocolOptionsSchema } from '#gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import type { PortIr } from '../../policy/ir.ts';
import { any } from './any.ts';
import { http1Codec, http2Codec, maxHeaders, maxHeadersKb } from './http-limits.ts';

/** A cluster's `typed_extension_protocol_options`. */
export function httpProtocol(
  service: PortIr,
  common: MessageInitShape<typeof CommonSchema>,
  http2: MessageInitShape<typeof Http2ProtocolOptionsSchema>,
): Record<string, Any> {
  const { protocol } = service;
  if (protocol === 'tcp') return {};
  return {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(HttpProtocolOptionsSchema, {
      commonHttpProtocolOptions: { ...common, maxHeadersCount: maxHeaders, maxResponseHeadersKb: maxHeadersKb },
      upstreamProtocolOptions: {
        case: 'explicitHttpConfig',
        value: {
          protocolConfig:
            protocol === 'http1'
              ? { case: 'httpProtocolOptions', value: http1Codec(service) }
              : { case: 'http2ProtocolOptions', value: { ...http2Codec, ...http2 } },
        },
      },
    }),
  };
}
