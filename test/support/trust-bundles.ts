// Trust bundles of real roots, in an order of their own: each later one has a higher sequence.
import { createTrustBundle, type TrustBundle } from '../../src/identity/trust-bundle.ts';
import { domainOf } from './identity-harness.ts';
import { createTestCa } from './test-ca.ts';

const made = new Map<string, Promise<string>>();

/** The root of that name, PEM: the same one at each call. */
export function rootOf(name: string): Promise<string> {
  const root = made.get(name) ?? createTestCa(name).then(({ root: pem }) => pem);
  made.set(name, root);
  return root;
}

export async function bundleOf(sequence: number, ...names: readonly string[]): Promise<TrustBundle> {
  return createTrustBundle({ trustDomain: domainOf('td1'), sequence, roots: await Promise.all(names.map(rootOf)) });
}
