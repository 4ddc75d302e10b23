// A proxy's own SVID as its SDS secret, named by its SPIFFE ID. Version = serial: a certificate is new when its serial is.
import { create, toBinary } from '@bufbuild/protobuf';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { Svid } from '../identity/svid.ts';
import { CellwallError } from '../lib/errors.ts';
import { encodeResource } from '../xds/resources/encode.ts';
import type { EncodedResource } from '../xds/resources/snapshot.ts';
import { typeUrls } from '../xds/resources/type-url.ts';

/** Contains the private key: only for this proxy's snapshot. Throws `internal` for an SVID without a key. */
export function ownSecret(svid: Svid): EncodedResource {
  if (svid.key === undefined) throw new CellwallError('internal', 'a pushed secret needs its key');
  const secret = create(SecretSchema, {
    name: svid.spiffeId,
    type: {
      case: 'tlsCertificate',
      value: {
        certificateChain: { specifier: { case: 'inlineString', value: svid.chain } },
        privateKey: { specifier: { case: 'inlineString', value: svid.key.reveal() } },
      },
    },
  });
  return encodeResource(typeUrls.secret, svid.spiffeId, toBinary(SecretSchema, secret), svid.serial);
}
