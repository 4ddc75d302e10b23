// Whoever opens streams and sends nothing occupies what each costs.
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';

export interface FirstRequestDeps {
  readonly clock: Clock;
  readonly ms: number;
  readonly refuse: (error: CellwallError) => void;
  /** Called once the stream no longer counts among the silent ones. */
  readonly counted: () => void;
}

/** Refuses a stream that says nothing in time. The returned function is called when it has spoken, or is closed. */
export function awaitFirstRequest({ clock, ms, refuse, counted }: FirstRequestDeps): () => void {
  let waits = true;
  const cancel = clock.after(ms, () => {
    const hint = 'send the first request at once';
    refuse(new CellwallError('deadline_exceeded', 'no request came on this stream', { hint }));
  });
  return () => {
    if (!waits) return;
    waits = false;
    cancel();
    counted();
  };
}
