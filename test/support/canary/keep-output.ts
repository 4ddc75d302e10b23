// For test support that holds an output or a secret which no stream of the process shows: what a command wrote into memory, a log that
// is silent, a token that is written in the test.
import type { Origin } from './keeper.ts';

/** Under `Symbol.for` of this name in a test's process, put there by preload.ts. */
export const hookName = 'cellwall.canary';

export interface Hook {
  /** Says which file's outputs and secrets come next. */
  test(path: string): void;
  secret(kind: string, bytes: Uint8Array): void;
  keep(origin: Origin, bytes: Uint8Array): void;
  flush(): void;
}

function isHook(value: unknown): value is Hook {
  return typeof value === 'object' && value !== null && 'keep' in value && 'flush' in value;
}

/** Absent in a qualification, where what is measured is left alone. */
export function canaryHook(): Hook | undefined {
  const hook: unknown = Reflect.get(globalThis, Symbol.for(hookName));
  return isHook(hook) ? hook : undefined;
}

export function keepOutput(kind: string, label: string, text: string): void {
  canaryHook()?.keep({ kind, label }, Buffer.from(text));
}

export function knownSecret(kind: string, bytes: Uint8Array): void {
  canaryHook()?.secret(kind, bytes);
}
