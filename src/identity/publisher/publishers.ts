// Every configured place: opened by its kind, and kept up to date with the bundle in force.
import { fromCatalog } from '../../lib/catalog.ts';
import { publishers } from './catalog.ts';
import { type KeepPublishedDeps, keepPublished } from './keep-published.ts';
import type { Publisher } from './publisher.ts';
import type { PublisherStatus } from './publisher-status.ts';

export interface PublisherPlace {
  /** Of the catalog. */
  readonly kind: string;
  readonly place: string;
}

export interface Publishers {
  status(): readonly PublisherStatus[];
  close(): void;
}

/**
 * Returns a function that starts them. Throws `invalid_argument` for an unknown kind, or an invalid place; does not access any place yet.
 */
export async function openPublishers(
  places: readonly PublisherPlace[],
): Promise<(deps: Pick<KeepPublishedDeps, 'bundle' | 'clock' | 'log'>) => Publishers> {
  const opened: { readonly name: string; readonly publisher: Publisher }[] = [];
  for (const { kind, place } of places) {
    const create = await fromCatalog('publisher', publishers, kind)();
    opened.push({ name: `${kind}:${place}`, publisher: create(place) });
  }
  return (deps) => {
    const kept = opened.map(({ name, publisher }) => keepPublished({ ...deps, name, publisher }));
    return {
      status: () => kept.map(({ status }) => status()),
      close() {
        for (const { close } of kept) close();
      },
    };
  };
}
