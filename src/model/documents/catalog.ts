// The kinds of documents, a line each: parsing, the JSON schema, the documents' page and resolution read this list. The names are once more
// in kind-names.ts, without schemas; a kind that is only in one of the two does not compile.
export { authorizationPolicyKind as AuthorizationPolicy } from './authorization-policy.ts';
export { cellKind as Cell } from './cell.ts';
export { envoyResourceKind as EnvoyResource } from './envoy-resource.ts';
export { meshKind as Mesh } from './mesh.ts';
export { serviceKind as Service } from './service.ts';
export { workloadKind as Workload } from './workload.ts';
