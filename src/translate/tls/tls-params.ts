// Only TLS 1.3, on both sides of mTLS. Callers who may connect without an identity may also use TLS 1.2: that is no worse than plaintext,
// which is accepted there, too.
import { create } from '@bufbuild/protobuf';
import {
  type TlsParameters,
  TlsParameters_TlsProtocol,
  TlsParametersSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import { constant } from '../wire/constant.ts';

export const tlsParams = constant(
  (): TlsParameters =>
    create(TlsParametersSchema, {
      tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
      tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
    }),
);

/**
 * The signature algorithms that a caller may use in its handshake. RSA in TLS 1.3 only with SHA-512: such a signature needs 1040 bits, so
 * that no 1024-bit key can make one, and every larger one can.
 */
const ofCallers = ['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384', 'rsa_pss_rsae_sha512'];
const ofOldCallers = [
  ...ofCallers,
  ...['ecdsa_secp521r1_sha512', 'ed25519'],
  // OpenSSL before 1.1.1 knows only these for TLS 1.2.
  ...['rsa_pkcs1_sha256', 'rsa_pkcs1_sha384', 'rsa_pkcs1_sha512'],
];

/** `anyone`: a permissive port, which also accepts TLS 1.2 and the signatures of old certificates. */
export const callerTlsParams = constant((who: 'identities' | 'anyone'): TlsParameters => {
  if (who === 'identities') return create(TlsParametersSchema, { ...tlsParams(), signatureAlgorithms: ofCallers });
  return create(TlsParametersSchema, {
    ...tlsParams(),
    tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
    signatureAlgorithms: ofOldCallers,
  });
});
