// The kinds of documents, one line each: parsing, the JSON schema, docs/documents.md and resolution read this list. The names are repeated
// in kind-names.ts, without schemas; a kind that is in only one of the two does not compile.
export { authorizationPolicyKind as AuthorizationPolicy } from './authorization-policy.ts';
export { cellKind as Cell } from './cell.ts';
export { envoyResourceKind as EnvoyResource } from './envoy-resource.ts';
export { meshKind as Mesh } from './mesh.ts';
export { serviceKind as Service } from './service.ts';
export { trustBundleKind as TrustBundle } from './trust-bundle.ts';
export { workloadKind as Workload } from './workload.ts';
