// Ten cells that claim at one service, by rules that say "your own cell only"; and the same with rules that come and go beside them.
import type { MeshIr } from '../../src/policy/ir.ts';
import { descriptorSet } from './descriptor-set.ts';
import { cellText, meshOf, meshText, policyText, serviceText, yaml } from './resolve-text.ts';

/** Not one a prefix of another's digits alone: 1 and 10 are among them. */
export const cellNumbers: readonly number[] = Array.from({ length: 10 }, (_, index) => index + 1);
export const claimsMethods = ['Begin', 'Commit'] as const;

/** `round` changes the rules, never what they say of `claimsMethods` and of these cells. */
export function tenCells(round = 0): MeshIr {
  const described = descriptorSet('pkg.Claims', [
    { name: 'Begin', fields: [{ name: 'cell_id', number: 3 }] },
    { name: 'Commit', fields: [{ name: 'cell_id', number: 1 }] },
    { name: 'Other', fields: [{ name: 'cell_id', number: 2 }] },
    { name: 'Get', fields: [] },
  ]);
  const more = round % 4;
  const names = [...cellNumbers, ...Array.from({ length: more }, (_, index) => 100 + index)];
  const rule = (methods: readonly string[]): string =>
    `{from: [{eachCell: gitlab}], to: [${methods.map((name) => `{grpc: pkg.Claims/${name}, matchingCell: {field: cell_id}}`).join(', ')}]}`;
  return meshOf(
    yaml(
      meshText('strict'),
      ...names.flatMap((id) => [cellText(`cell-${id}`, id), serviceText(`cell-${id}/gitlab`)]),
      serviceText('topology', 'grpc', `, grpc: {descriptorSet: "${Buffer.from(described).toString('base64')}"}`),
      policyText(
        'claims',
        'topology',
        'allow',
        `[${rule(claimsMethods)}${more % 2 === 1 ? `, ${rule(['Other'])}` : ''}, {from: [{eachCell: gitlab}], to: ` +
          '[{grpc: pkg.Claims/Get}]}]',
      ),
    ),
  );
}
