// The caller's cell and service as names, for applications that do not want to parse a SPIFFE ID. Read from the identity header, which the
// early mutation set from the verified certificate; an ID of another form gives no name. Known where only one certificate is accepted. Kept
// as metadata: headers at this point may still be matched by rules, and only routes decide which headers the application gets.
import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { ConfigSchema as HeaderToMetadataSchema } from '#gen/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.js';
import { ConfigSchema as SetMetadataSchema } from '#gen/envoy/extensions/filters/http/set_metadata/v3/set_metadata_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { defined } from '../../lib/defined.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import { peerIdHeader } from '../names.ts';
import { any } from '../wire/any.ts';
import { constant } from '../wire/constant.ts';

const metadataNamespace = 'cellwall.peer';

/** As header values: empty if there is no name, and an empty value adds no header. */
export const peerNameValues = {
  cell: `%DYNAMIC_METADATA(${metadataNamespace}:cell)%`,
  service: `%DYNAMIC_METADATA(${metadataNamespace}:service)%`,
} as const;

/** For any trust domain: routes pass on names only for identities of the mesh, and Envoy limits the size of an expression. */
const serviceId = '^spiffe://[^/]+/(?:cell/([^/]+)/)?service/([^/]+)$';

/** `of`: the only caller whom the chain lets in, if there is only one: its names are known, and need not be read from each call. */
export function peerNames(of?: SpiffeId): HttpFilter {
  return of === undefined ? readNames() : filter(knownNames(of));
}

const readNames = constant(
  (): HttpFilter =>
    filter(
      any(HeaderToMetadataSchema, {
        requestRules: (['cell', 'service'] as const).map((key, index) => ({
          header: peerIdHeader,
          onHeaderPresent: {
            metadataNamespace,
            key,
            // What the first alternative does not match becomes empty, which adds no metadata.
            regexValueRewrite: {
              pattern: { regex: `${serviceId}|^.*$` },
              substitution: `\\${index + 1}`,
            },
          },
        })),
      }),
    ),
);

function knownNames(id: SpiffeId): Any {
  const [, cell, service] = new RegExp(serviceId).exec(id) ?? [];
  return any(SetMetadataSchema, { metadata: [{ metadataNamespace, value: defined({ cell, service }) }] });
}

function filter(value: Any): HttpFilter {
  return create(HttpFilterSchema, { name: 'cellwall.peer-names', configType: { case: 'typedConfig', value } });
}
