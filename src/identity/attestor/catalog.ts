// The available attestors, by the name that evidence gives. A new one is one file here and one line; what it proves is a line in
// model/attestors.ts.
import type { AttestorName } from '../../model/attestors.ts';
import type { Attestor, AttestorDeps } from './attestor.ts';
import { createNodeKeyAttestor } from './node-key.ts';

/** Undefined: the control plane was not told whom to believe for it. */
type Load = () => Promise<(deps: AttestorDeps) => Attestor | undefined>;

const loads: Readonly<Record<AttestorName, Load>> = {
  'join-token': async () => (await import('./join-token.ts')).createJoinTokenAttestor,
  'x509-pop': async () => (await import('./x509-pop.ts')).createX509PopAttestor,
  kubernetes: async () => (await import('./kubernetes.ts')).createKubernetesAttestor,
  'gcp-instance': async () => (await import('./gcp-instance.ts')).createGcpInstanceAttestor,
  'gitlab-id-token': async () => (await import('./gitlab-id-token.ts')).createGitlabIdTokenAttestor,
  'gitlab-runner': async () => (await import('./gitlab-runner.ts')).createGitlabRunnerAttestor,
  'aws-instance': async () => (await import('./aws-instance.ts')).createAwsInstanceAttestor,
};

/** Those that documents can name, and the node key, which stands for what one of them proved. */
export async function createAttestors(deps: AttestorDeps): Promise<Readonly<Record<string, Attestor>>> {
  const made = Object.entries(loads).map(async ([name, load]) => {
    const attestor = (await load())(deps);
    return attestor === undefined ? [] : [[name, attestor] as const];
  });
  return { ...Object.fromEntries((await Promise.all(made)).flat()), 'node-key': createNodeKeyAttestor(deps) };
}
