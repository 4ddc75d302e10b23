// TLS 1.3 and nothing else, on both sides of mTLS. Who may come without an identity may also come with TLS 1.2: it is no worse than
// plaintext, which is taken there, too.
import { create } from '@bufbuild/protobuf';
import {
  type TlsParameters,
  TlsParameters_TlsProtocol,
  TlsParametersSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';

export function tlsParams(): TlsParameters {
  return create(TlsParametersSchema, {
    tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
    tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
  });
}

/**
 * What a caller may sign its handshake with. RSA in TLS 1.3 with SHA-512 alone: such a signature needs 1040 bits, so that no key of
 * 1024 can make one, and every other can.
 */
const ofCallers = ['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384', 'rsa_pss_rsae_sha512'];
const ofOldCallers = [
  ...ofCallers,
  ...['ecdsa_secp521r1_sha512', 'ed25519'],
  // TLS 1.2 knows these only, in OpenSSL before 1.1.1.
  ...['rsa_pkcs1_sha256', 'rsa_pkcs1_sha384', 'rsa_pkcs1_sha512'],
];

export function callerTlsParams(who: 'identities' | 'anyone'): TlsParameters {
  if (who === 'identities') return create(TlsParametersSchema, { ...tlsParams(), signatureAlgorithms: ofCallers });
  return create(TlsParametersSchema, {
    ...tlsParams(),
    tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
    signatureAlgorithms: ofOldCallers,
  });
}
