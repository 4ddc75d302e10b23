// Attestors that a Workload may name, each with the keys of what it proves: those that `match` and templates may use. The code of each is
// in identity/attestor/catalog.ts; types make sure that both lists agree.

/** What its GitLab says of a CI job. */
const ofJob = [
  ...(['instance', 'project_id', 'project_path', 'namespace_id', 'namespace_path', 'project_visibility'] as const),
  ...(['ref', 'ref_type', 'ref_path', 'ref_protected', 'sha', 'ci_config_ref_uri', 'ci_config_sha'] as const),
  ...(['environment', 'environment_protected', 'environment_action', 'deployment_tier'] as const),
  ...(['pipeline_id', 'pipeline_source', 'job_id', 'user_id', 'user_login', 'user_access_level'] as const),
  ...(['runner_id', 'runner_environment'] as const),
] as const;

export const attestors = {
  // For an identity that an operator chose: there is no value to match.
  'join-token': [],
  // A certificate that the host has already, of an authority that the control plane was told to believe.
  'x509-pop': ['common_name', 'dns_name', 'fingerprint', 'issuer_fingerprint'],
  // A pod's service-account token.
  kubernetes: ['cluster', 'namespace', 'service_account', 'pod', 'node'],
  // What a virtual machine's metadata server signs.
  'gcp-instance': ['project_id', 'zone', 'instance_id', 'instance_name', 'service_account'],
  // A CI job's token, as its GitLab says.
  'gitlab-id-token': ofJob,
  // The same, and which runner vouches for it: its SPIFFE ID, and the host (node key) that it has it on.
  'gitlab-runner': [...ofJob, 'runner', 'runner_host'],
  'aws-instance': ['account_id', 'region', 'availability_zone', 'instance_id', 'image_id', 'instance_type'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type AttestorName = keyof typeof attestors;

export const attestorNames = Object.keys(attestors).filter(isAttestorName);

/** Exactly as it is written in documents. */
export function isAttestorName(name: string): name is AttestorName {
  return Object.hasOwn(attestors, name);
}

/** The keys of what it proves. */
export function keysOf(name: AttestorName): readonly string[] {
  return attestors[name];
}
