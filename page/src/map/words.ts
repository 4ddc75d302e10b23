// The states of an edge, as they are said and drawn.
import type { EdgeState, MapEdge } from '../../../src/admin/wire-map.ts';
import type { Tone } from '../ui/badge.tsx';

export interface EdgeWords {
  readonly tone: Tone;
  readonly means: string;
  /** Lengths of strokes and gaps: the state is not told by colour alone. */
  readonly dash: readonly number[];
  /** A custom property of the style sheet. */
  readonly colour: string;
}

export const edgeWords: Readonly<Record<EdgeState, EdgeWords>> = {
  refused: { tone: 'bad', means: 'a rule, or none, refused calls', dash: [2, 4], colour: '--bad' },
  failing: { tone: 'warn', means: 'calls got no complete answer', dash: [10, 4], colour: '--warn' },
  plaintext: { tone: 'info', means: 'callers without a certificate of the mesh', dash: [6, 3, 1, 3], colour: '--info' },
  allowed: { tone: 'good', means: 'calls pass, with certificates of the mesh', dash: [], colour: '--good' },
  unseen: { tone: 'quiet', means: 'declared, and no call is on record', dash: [1, 5], colour: '--line-strong' },
};

/** Worst first. */
export const edgeStates: readonly EdgeState[] = ['refused', 'failing', 'plaintext', 'allowed', 'unseen'];

/** A caller as people know it. */
export function callerName(from: string): string {
  if (from === 'plaintext') return 'plaintext callers';
  if (from === 'one-way-tls') return 'callers with one-way TLS';
  return from === 'legacy' ? 'callers with legacy certificates' : from;
}

export function targetName({ to, port }: Pick<MapEdge, 'to' | 'port'>): string {
  return port === undefined ? to : `${to}:${port}`;
}
