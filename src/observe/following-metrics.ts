// What is exported between a cell's own control plane and its parent, at either end: read when somebody scrapes.
import { Gauge, type Registry } from 'prom-client';

export interface FollowingFigures {
  /** Absent: it follows none. */
  readonly parent:
    | (() => { readonly connected: boolean; readonly revision?: number; readonly replaced: { readonly count: number } })
    | undefined;
  readonly followers: () => number;
}

export function exportFollowing(registry: Registry, { parent, followers }: FollowingFigures): void {
  const gauge = (name: string, help: string, read: () => number | undefined): void => {
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        this.reset();
        const value = read();
        if (value !== undefined) this.set(value);
      },
    });
  };
  gauge('cellwall_followers', 'Control planes of cells that follow this one now.', followers);
  if (parent === undefined) return;
  gauge('cellwall_parent_connected', '1 while there is a stream from the control plane that this one follows.', () =>
    parent().connected ? 1 : 0,
  );
  gauge(
    'cellwall_parent_revision',
    'Revision of the parent, as it said last; absent until it says one.',
    () => parent().revision,
  );
  gauge(
    'cellwall_parent_replaced',
    "Documents that were changed here and replaced by the parent's version, since the start.",
    () => parent().replaced.count,
  );
}
