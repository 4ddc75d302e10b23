// What would change: a unified diff per document, and totals of what that would do to the calls of the last days. Pure.
import type { DiffAnswer, Difference } from '../../admin/wire.ts';
import { escapeBlock } from '../../lib/escape.ts';
import { unifiedDiff } from './unified-diff.ts';

export function formatDifferences(differences: readonly Difference[]): string {
  return differences.map(({ key, before, after }) => escapeBlock(unifiedDiff(key, before, after))).join('');
}

/** Empty if no decision would change. */
export function formatImpact(impact: DiffAnswer['impact']): string {
  if (impact === undefined) return '';
  const { newlyDenied, newlyAllowed, cannotTell } = impact;
  if (newlyDenied + newlyAllowed + cannotTell === 0) return '';
  return (
    `of the calls of the last 7 days ${newlyDenied} would newly be denied, ${newlyAllowed} newly allowed, ` +
    `${cannotTell} cannot be decided\n`
  );
}
