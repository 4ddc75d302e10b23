// What documents grant to a host that proved itself once, and its document has changed since.
import { expect, it } from 'vitest';
import { createEntitlement } from '../../src/control/entitlement.ts';
import type { KnownNode } from '../../src/identity/attestor/node-registry.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { type Evidence, tokenEvidence } from '../../src/model/evidence.ts';
import type { MeshIr } from '../../src/policy/ir.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';
import { meshOf, meshText, workloadText, yaml } from '../support/resolve-text.ts';

const id = idOf('spiffe://td1/runner');
const nodeKey = 'a'.repeat(64);
const job = '{attestor: gitlab-id-token, match: {instance: gitlab.example, project_id: "42", ref_protected: "true"}}';
const values = { instance: 'gitlab.example', project_id: '42', ref_protected: 'true' };
const ofJob: Evidence = { attestor: 'gitlab-id-token', values, notAfter: Date.now() + 60_000 };
const meshWith = (...selectors: readonly string[]): MeshIr =>
  meshOf(
    yaml(meshText(), workloadText('runner', `{identity: {spiffeId: "${id}"}, selectors: [${selectors.join(', ')}]}`)),
  );

function world(selectors: readonly string[], evidence?: Evidence | Error) {
  const mesh = meshWith(...selectors);
  const find = async (): Promise<KnownNode | undefined> => {
    if (evidence instanceof Error) throw evidence;
    return evidence && { nodeKey, spiffeId: id, evidence, seenAt: 0 };
  };
  const { policy } = createEntitlement({ trustDomain: domainOf('td1'), mesh: () => mesh, nodes: { find } });
  return policy(id, nodeKey);
}

const token = '{attestor: join-token}';

it('a job is given no more than it proved, and no longer', async () => {
  expect(await world([job], ofJob)).toMatchObject({ notAfter: ofJob.notAfter });
  expect(await world([job], { ...ofJob, values: { ...values, project_id: '43' } })).toBeUndefined();
});

it('a document that takes join tokens alone from now on grants nothing to who came by something else', async () => {
  expect(await world([token], ofJob)).toBeUndefined();
  expect(await world([token], tokenEvidence(id))).toBeDefined();
  expect(await world([token])).toBeDefined();
});

it('hosts with join tokens go on while the store is away; other failures are nobody’s right', async () => {
  expect(await world([token], new CellwallError('unavailable', 'away'))).toBeDefined();
  await expect(world([job], new CellwallError('unavailable', 'away'))).rejects.toThrow('away');
  await expect(world([token], new Error('odd'))).rejects.toThrow('odd');
});
