// Of a fault that many proxies have, a few are told, and how many more there are. Pure.
import type { Side, Weight } from './cause.ts';

interface Told {
  readonly cause: string;
  readonly weight: Weight;
  readonly what: string;
  readonly side?: Side;
  readonly node?: string;
  readonly evidence: readonly string[];
}

const mostAlike = 3;

/** In their order; what is left out is said in the evidence of the last one like it. */
export function withoutRepeats<T extends Told>(findings: readonly T[]): readonly T[] {
  const counts = new Map<string, number>();
  const kinds = findings.map(kindOf);
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const told = new Map<string, number>();
  return findings.flatMap((finding, index) => {
    const kind = kinds[index] ?? '';
    const [all = 0, before = 0] = [counts.get(kind), told.get(kind)];
    told.set(kind, before + 1);
    if (finding.node === undefined || all <= mostAlike || before < mostAlike - 1) return [finding];
    if (before >= mostAlike) return [];
    return [
      { ...finding, evidence: [...finding.evidence, `${all - mostAlike} more of its proxies have the same fault`] },
    ];
  });
}

/** Whatever differs from one proxy to the next is left out: names, times, addresses. */
function kindOf({ cause, weight, side, node, what }: Told): string {
  if (node === undefined) return `${cause} ${what}`;
  const text = what.replaceAll(node.replace(/^spiffe:\/\//, ''), '').replaceAll(/[0-9]/g, '');
  return `${cause} ${weight} ${side ?? ''} ${serviceOf(node)} ${text}`;
}

/** `<SPIFFE ID>~<instance>`. */
function serviceOf(node: string): string {
  return node.slice(0, node.lastIndexOf('~'));
}
