// What a record of a path foretells is never other than what a request for that path meets: of the rules that it was recorded under,
// and of others.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decide } from '../../src/policy/decide/decide.ts';
import { canonicalPath } from '../../src/policy/decide/path.ts';
import type { MeshIr, PortIr, ServiceKey } from '../../src/policy/ir.ts';
import { portOf } from '../../src/policy/ports.ts';
import { createDecideRecorded } from '../../src/policy/replay/decide-recorded.ts';
import { createPathRecorder } from '../../src/policy/replay/recorded-path.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const key = 'files' as ServiceKey;

function wall(denied: string): { readonly mesh: MeshIr; readonly service: PortIr } {
  const who = 'from: [{anonymous: true}]';
  const mesh = meshOf(
    yaml(
      meshText('permissive'),
      serviceText('files', 'http1', ', paths: {escapedSlashes: keep}'),
      policyText('allow', 'files', 'allow', `[{${who}, to: [{path: {prefix: /public}}]}]`),
      policyText('deny', 'files', 'deny', `[{${who}, to: [{path: ${denied}}]}]`),
    ),
  );
  const service = portOf(mesh, key);
  if (service === undefined) throw new Error('no service');
  return { mesh, service };
}

const walls = [
  '{prefix: /public/a}',
  '{exact: /public/a}',
  '{exact: "/public/a+b"}',
  '{prefix: "/public/a/b+"}',
  '{template: "/public/{id}/a"}',
].map(wall);
const piece = fc.constantFrom('/', '%2f', '%5C', 'a', 'b', '+', '%2b', '%3f', '%252f', ';');

test('a record never foretells another answer', () => {
  const record = createPathRecorder();
  let told = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...walls),
      fc.constantFrom(...walls),
      fc.array(piece, { maxLength: 6 }),
      (before, after, pieces) => {
        const canonical = canonicalPath(`/public${pieces.join('')}`, 'keep');
        if (canonical.kind !== 'path') return;
        const { path } = canonical;
        const caller = { kind: 'anonymous', via: 'plaintext' } as const;
        const { outcome } = decide(after.mesh, { target: key, caller, path });
        const foretell = createDecideRecorded(after.mesh, after.service);
        const foretold = foretell({ caller: 'plaintext', method: 'GET', path: record(before.service, path) });
        if (foretold.outcome === 'unknown') {
          // Under the same rules only what no rule decides alone is left open.
          if (before === after) expect(path).toMatch(/;|%25/);
          return;
        }
        told++;
        expect({ path, outcome: foretold.outcome }).toEqual({ path, outcome });
      },
    ),
    { numRuns: 3000 },
  );
  expect(told).toBeGreaterThan(500);
});
