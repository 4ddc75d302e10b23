// Who makes a proxy's keys: by what its Workload says, and by what is beside it.
import { expect, it } from 'vitest';
import { keysOf } from '../../src/control/keys-of.ts';
import { shapeOf, shapeToServe } from '../../src/control/shape-of-proxy.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { RegisteredProxy } from '../../src/registry/registered-proxy.ts';
import { meshOf, meshText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';

const spiffeId = parseSpiffeId('spiffe://td1/service/api');
if (spiffeId === undefined) throw new Error('no SPIFFE ID');
const proxy = { node: `${spiffeId}~a`, spiffeId, state: 'connected', since: 0, ready: true } as const;
const withHelper: RegisteredProxy = { ...proxy, secrets: 'local' };

const meshes = {
  'no word': meshOf(yaml(meshText(), serviceText('api'))),
  pushed: meshOf(
    yaml(meshText(), serviceText('api'), workloadText('api', '{identity: {service: api}, secrets: pushed}')),
  ),
  local: meshOf(
    yaml(meshText(), serviceText('api'), workloadText('api', '{identity: {service: api}, secrets: local}')),
  ),
};

it.each([
  ['no word', 'local', 'pushed'],
  ['pushed', 'pushed', 'pushed'],
  ['local', 'local', 'none'],
] as const)('a Workload that says %s: with a helper %s, without one %s', (said, helper, bare) => {
  const mesh = meshes[said];
  expect(keysOf(mesh, withHelper)).toBe(helper);
  expect(keysOf(mesh, proxy)).toBe(bare);
  expect(shapeOf(mesh, withHelper).secrets).toBe(helper === 'local' ? 'local' : undefined);
  // It is sent nothing, rather than a key that must not leave its host.
  expect(shapeToServe(mesh, proxy) === undefined).toBe(bare === 'none');
});
