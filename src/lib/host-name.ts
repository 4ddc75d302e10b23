// The host of an SVID as a name that Envoy can match: it reads no extensions of certificates, but every kind of subject alternative name.
// `identity` writes it, `translate` looks for it in those of banned hosts.

/** Type of the otherName (RFC 5280 §4.2.1.6): 2.25.815473625 is that of the extension with the same content, in bytes. */
export const hostNameOid = '2.25.815473625.1';

/** Its value, a UTF8String: SHA-256 of the node key, hex. */
export const hostNamePattern = /^[0-9a-f]{64}$/;
