// The folder of what a control plane remembers, while it is changed as a whole: a copy is made, changed, and takes its place. Two renames
// do that, and whatever ends the process between them, the next one on the data folder finishes it.
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** `keep`: the copy takes the place of what was copied, if nothing fails. */
export async function onCopy<T>(data: string, keep: boolean, task: (state: string) => Promise<T>): Promise<T> {
  const { state, copy, before } = foldersIn(data);
  if (existsSync(state)) cpSync(state, copy, { recursive: true });
  let isComplete = false;
  try {
    const result = await task(copy);
    isComplete = keep;
    return result;
  } finally {
    if (!isComplete) remove(copy);
    else {
      // That there is `before`, and no `state`, says that the copy is complete.
      if (existsSync(state)) renameSync(state, before);
      renameSync(copy, state);
      remove(before);
    }
  }
}

/** Call once, under the lock of the data folder, before anything in it is used. */
export function finishSwap(data: string): void {
  const { state, copy, before } = foldersIn(data);
  if (!existsSync(state) && existsSync(before)) renameSync(existsSync(copy) ? copy : before, state);
  remove(copy);
  remove(before);
}

function foldersIn(data: string) {
  return { state: join(data, 'state'), copy: join(data, 'state.moving'), before: join(data, 'state.before') };
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
