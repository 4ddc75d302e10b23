// A step of the story: something is done to the running mesh, and what is seen must hold.
import type { World } from '../house/world.ts';
import type { Tell } from './tell.ts';

/** Measured, for the JSON. */
export type Figures = Readonly<
  Record<string, number | string | boolean | readonly number[] | Readonly<Record<string, unknown>>>
>;

export interface Step {
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** A step that takes longer has failed. */
  readonly withinMs: number;
  run(world: World, tell: Tell): Promise<Figures>;
}

/** Throws, in words, unless it holds. */
export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}
