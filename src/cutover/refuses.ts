// Which of the gate's reasons stand against a change: warnings are told, and let it pass.
import type { CutOverReason } from './cut-over-reason.ts';

export const refuses = ({ warning }: Pick<CutOverReason, 'warning'>): boolean => warning !== true;
