// Why a TLS handshake failed, as text for people, from Envoy's text (%DOWNSTREAM_TRANSPORT_FAILURE_REASON%). A closed set: of anything
// else, at most a code of BoringSSL is kept.

export interface HandshakeFault {
  readonly why: string;
  /** Somebody who tried to connect as a caller, and cannot: not a scanner, nor a proxy that has no certificate yet. */
  readonly caller: boolean;
}

const caller = (why: string): HandshakeFault => ({ why, caller: true });
const other = (why: string): HandshakeFault => ({ why, caller: false });

/** The first one that occurs in the text applies. */
const faults: readonly (readonly [part: string, fault: HandshakeFault])[] = [
  ['Secret is not supplied by SDS', other('the proxy had no certificate yet')],
  ['certificate has expired', caller('its certificate has expired')],
  ['certificate is not yet valid', caller('its certificate is not valid yet: look at the clocks')],
  ['unsupported certificate purpose', caller('its certificate is not one for clients (no clientAuth)')],
  [
    'unable to get local issuer certificate',
    caller('its certificate is of a CA that is not trusted here, or came without its intermediate'),
  ],
  ['self signed certificate', caller('its certificate is of a CA that is not trusted here')],
  ['self-signed certificate', caller('its certificate is of a CA that is not trusted here')],
  ['permitted subtree violation', caller('its certificate has names that the legacy authority may not vouch for')],
  ['excluded subtree violation', caller('its certificate has names that the legacy authority may not vouch for')],
  ['SAN matcher', caller('its certificate is not of the caller whose sidecar it says it is')],
  ['SAN_match', caller('its certificate is not of the caller whose sidecar it says it is')],
  ['no trust bundle store', caller('its certificate is no SVID of this trust domain')],
  ['CERTIFICATE_VERIFY_FAILED', caller('its certificate is not trusted here')],
  [
    'PEER_DID_NOT_RETURN_A_CERTIFICATE',
    caller('it presented no certificate, or has one of a key that is not taken (P-256, P-384, RSA from 2048 bits are)'),
  ],
  ['UNSUPPORTED_PROTOCOL', caller('its TLS is too old (strict: 1.3, permissive: 1.2 or 1.3)')],
  ['NO_SHARED_CIPHER', caller('it offers no cipher that is taken')],
  ['NO_COMMON_SIGNATURE_ALGORITHMS', caller('it offers no signature that is taken')],
  ['NO_SHARED_GROUP', caller('it offers no key exchange that is taken')],
  ['ALERT_UNKNOWN_CA', caller("it does not trust the proxy's certificate: it knows another CA")],
  ['ALERT_BAD_CERTIFICATE', caller("it refuses the proxy's certificate")],
  ['ALERT_CERTIFICATE', caller("it refuses the proxy's certificate")],
  ['ALERT_UNSUPPORTED_CERTIFICATE', caller("it refuses the proxy's certificate")],
  ['ALERT_', caller('it ended the handshake by an alert')],
  // OpenSSL's alert in TLS 1.3 is sent unencrypted if it does not trust its peer.
  [
    'DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
    caller("it gave up the handshake: most likely it does not trust the proxy's certificate"),
  ],
  ['HTTP_REQUEST', other('plaintext HTTP, where TLS is needed')],
  ['HTTPS_PROXY_REQUEST', other('plaintext HTTP, where TLS is needed')],
  ['WRONG_VERSION_NUMBER', other('no TLS, where TLS is needed')],
  ['EXCESSIVE_MESSAGE_SIZE', other('no TLS, where TLS is needed')],
];

/** Undefined: no handshake failed. What a permissive listener's inspector found not to be TLS continued in plaintext. */
export function handshakeFault(reason: string): HandshakeFault | undefined {
  if (reason === '' || reason.startsWith('TLS_error|')) return undefined;
  const known = faults.find(([part]) => reason.includes(part));
  if (known !== undefined) return known[1];
  const code = /OPENSSL_internal:([A-Z0-9_]{1,64}):/.exec(reason)?.[1];
  return other(code === undefined ? 'the handshake failed' : `the handshake failed (${code})`);
}
