// Which of the gate's reasons block a change: warnings are reported, and let it pass.
import type { CutOverReason } from './cut-over-reason.ts';

export const refuses = ({ warning }: Pick<CutOverReason, 'warning'>): boolean => warning !== true;
