// The available attestors, by the name that evidence gives. A new one is one file here and one line; what it proves is a line in
// model/attestors.ts.
import type { AttestorName } from '../../model/attestors.ts';
import type { Attestor, AttestorDeps } from './attestor.ts';
import { createNodeKeyAttestor } from './node-key.ts';

type Load = () => Promise<(deps: AttestorDeps) => Attestor>;

const loads: Readonly<Record<AttestorName, Load>> = {
  'join-token': async () => (await import('./join-token.ts')).createJoinTokenAttestor,
};

/** Those that documents can name, and the node key, which stands for what one of them proved. */
export async function createAttestors(deps: AttestorDeps): Promise<Readonly<Record<string, Attestor>>> {
  const made = Object.entries(loads).map(async ([name, load]) => [name, (await load())(deps)] as const);
  return { ...Object.fromEntries(await Promise.all(made)), 'node-key': createNodeKeyAttestor(deps) };
}
