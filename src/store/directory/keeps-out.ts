// Documents under which the process died again and again are not put in force: nothing is made of them but their text is known, and the
// rest of the files is put in force without them.
import { errorsAmong, judgeOnce } from '../judge-once.ts';
import type { Holding, StateCheck } from '../judges.ts';
import type { LastGoodStates } from '../last-good/last-good-states.ts';
import { withHeld } from './held.ts';
import { asBefore } from './held-back.ts';
import type { InForce } from './in-force.ts';
import { type DocumentFiles, readFiles } from './judge-files.ts';

export interface KeepsOutDeps {
  readonly lastGood: Pick<LastGoodStates, 'watching' | 'refused' | 'problem'>;
  readonly inForce: Pick<InForce, 'state' | 'files' | 'accept' | 'refuse'>;
  readonly holding: Holding | undefined;
  readonly check: StateCheck;
}

/** Whether some are kept out; then the files are dealt with. In ordinary times this does nothing. */
export function createKeepsOut({
  lastGood,
  inForce,
  holding,
  check,
}: KeepsOutDeps): (texts: DocumentFiles['texts']) => boolean {
  return (texts) => {
    const state = inForce.state();
    if (state === undefined || !lastGood.watching()) return false;
    const read = readFiles(texts, inForce.files());
    if (read.unreadable.length > 0) return false;
    const keys = lastGood.refused(state.documents, read.documents);
    if (keys.length === 0) return false;
    const held = asBefore(state.documents, keys);
    const judge: Parameters<Holding['hold']>[2] = (documents) => judgeOnce(documents, check, [state]);
    const rest = judge(withHeld(read.documents, held));
    const problem = lastGood.problem(keys, read.documents);
    const errors = errorsAmong(rest.problems);
    const hold = errors.length > 0 ? undefined : holding?.hold(state, rest, judge);
    if (errors.length === 0 && hold === undefined) inForce.accept(read, held, rest, [problem]);
    else inForce.refuse([problem, ...errors, ...(hold?.problems ?? [])]);
    return true;
  };
}
