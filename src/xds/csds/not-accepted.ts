// Which nodes have not accepted all that they are to have: for what must be known to be in force everywhere.
import type { TypeUrl } from '../resources/type-url.ts';
import type { StreamView } from '../server/stream.ts';
import { resourceStatuses } from './resource-status.ts';

/**
 * Nodes of these streams with a resource of one of the types that was not sent yet, was not answered, or was rejected; those that have not
 * asked for a type of which there is something; and those that are sent nothing. Whoever has several streams is judged by the newest one of
 * each resource.
 */
export function notAccepted(views: readonly StreamView[], types: readonly TypeUrl[]): ReadonlySet<string> {
  const nodes = new Map<string, Map<string, boolean>>();
  for (const view of views) {
    const known = nodes.get(view.node) ?? new Map<string, boolean>();
    nodes.set(view.node, known);
    const statuses = resourceStatuses(view).filter(({ typeUrl }) => types.includes(typeUrl));
    for (const { typeUrl, name, status } of statuses) {
      known.set(`${typeUrl} ${name}`, status === 'synced' || status === 'absent');
      known.set(typeUrl, true);
    }
    for (const type of types) {
      const some = view.snapshot === undefined || (view.snapshot.resources.get(type)?.size ?? 0) > 0;
      if (some && !known.has(type)) known.set(type, false);
    }
  }
  return new Set([...nodes].filter(([, known]) => [...known.values()].includes(false)).map(([node]) => node));
}
