// The filters of inbound chains, one line each, by name. How they show in Envoy's output is a line in lib/inbound-filters.ts; a filter
// without a line there does not compile, nor does a line there without a filter here. Their order in a chain is that of their slots, not of
// these lines.
export { authzAllow as 'authz-allow' } from './authz-allow.ts';
export { authzDeny as 'authz-deny' } from './authz-deny.ts';
export { jwtAuthn as 'jwt-authn' } from './jwt-authn.ts';
export { readRequest as 'read-request' } from './read-request.ts';
export { serviceCredential as 'service-credential' } from './service-credential.ts';
