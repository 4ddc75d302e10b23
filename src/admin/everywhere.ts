// What the admin API answers for all replicas of the control plane, whichever of them is asked: what each says of the proxies whose streams
// it has, and the refusals that it was told.
import type { Json } from '../lib/table.ts';
import { type Edge, type FoundRefusals, happenedAt, type Refusal, type Refusals } from '../observe/refusals.ts';
import type { Replica } from '../registry/replicas.ts';
import { type ProxyRow, proxySchema } from './wire-proxies.ts';
import type { ReplicaRow } from './wire-replicas.ts';

/** The other replicas, which share a store with this one. */
export interface OtherReplicas {
  readonly id: string;
  list(): readonly Replica[];
  ask(kind: string, question: Json, timeoutMs?: number): Promise<ReadonlyMap<string, readonly Json[]>>;
  answer(kind: string, handle: (question: Json) => readonly Json[] | Promise<readonly Json[]>): void;
}

/** This one first. */
export function replicaRows(others: OtherReplicas): readonly ReplicaRow[] {
  return others.list().map(({ id, alive, about: { host, version, startedAt, revision } }) => ({
    ...{ id, alive, self: id === others.id },
    ...(typeof host === 'string' ? { host } : {}),
    ...(typeof version === 'string' ? { version } : {}),
    ...(typeof startedAt === 'number' ? { startedAt } : {}),
    ...(typeof revision === 'number' ? { revision } : {}),
  }));
}

/** `own`: of all proxies what is known here. Of those of others, everything that they say themselves, if they do. */
export function createProxiesEverywhere(
  others: OtherReplicas | undefined,
  own: () => Promise<readonly ProxyRow[]>,
): () => Promise<readonly ProxyRow[]> {
  if (others === undefined) return own;
  others.answer('proxies', async () =>
    jsonOf((await own()).filter(({ replica, state }) => replica === undefined && state !== 'gone')),
  );
  return async () => {
    const told = new Map<string, ProxyRow>();
    for (const [replica, rows] of await others.ask('proxies', null)) {
      for (const row of rows) {
        const { data } = proxySchema.safeParse(row);
        if (data !== undefined) told.set(data.node, { ...data, replica });
      }
    }
    return (await own()).map((row) => {
      const replica = row.replica ?? others.id;
      const there = told.get(row.node);
      return row.state !== 'gone' && there?.replica === replica ? there : { ...row, replica };
    });
  };
}

export function createRefusalsEverywhere(
  others: OtherReplicas | undefined,
  find: (id: string) => FoundRefusals,
): (id: string) => FoundRefusals | Promise<FoundRefusals> {
  if (others === undefined) return find;
  others.answer('refusals', (id) => jsonOf([find(String(id))]));
  return async (id) => {
    const found = [find(id)];
    for (const [answer] of (await others.ask('refusals', id)).values()) if (isFound(answer)) found.push(answer);
    // What a proxy made counts more than what callers chose.
    const by = found.some((one) => one.by === 'proxy' && one.refusals.length > 0) ? 'proxy' : 'caller';
    const order = by === 'proxy' ? (a: Refusal, b: Refusal) => a.at - b.at : (a: Refusal, b: Refusal) => b.at - a.at;
    const refusals = found.filter((one) => one.by === by).flatMap((one) => one.refusals);
    return { by, refusals: refusals.toSorted(order) };
  };
}

/** What was refused, or failed, on an edge, at all replicas; and which of them did not say. */
export interface SeenOnEdge {
  /** The newest first. */
  readonly refusals: readonly Refusal[];
  readonly silent: readonly string[];
}

export function createEdgeEverywhere(
  others: OtherReplicas | undefined,
  about: Refusals['about'],
): (edge: Edge) => Promise<SeenOnEdge> {
  if (others === undefined) return async (edge) => ({ refusals: about(edge), silent: [] });
  others.answer('edge', (edge) => (isEdge(edge) ? jsonOf(about(edge)) : []));
  return async (edge) => {
    const told = await others.ask('edge', jsonOf([edge])[0] ?? null).catch(() => new Map<string, readonly Json[]>());
    const refusals = [...about(edge)];
    for (const one of [...told.values()].flat()) if (isRefusal(one)) refusals.push(one);
    const silent = others.list().flatMap(({ id }) => (id === others.id || told.has(id) ? [] : [id]));
    return { refusals: refusals.toSorted((a, b) => happenedAt(b) - happenedAt(a)), silent };
  };
}

/** Both made by a replica of this program, and sealed. */
function isEdge(value: unknown): value is Edge {
  return typeof value === 'object' && value !== null && 'service' in value && 'caller' in value;
}

function isRefusal(value: unknown): value is Refusal {
  return (
    typeof value === 'object' && value !== null && 'kind' in value && 'at' in value && typeof value.at === 'number'
  );
}

function jsonOf(list: readonly unknown[]): readonly Json[] {
  return JSON.parse(JSON.stringify(list));
}

/** Made by a replica of this program, and sealed. */
function isFound(value: unknown): value is FoundRefusals {
  return typeof value === 'object' && value !== null && 'refusals' in value && Array.isArray(value.refusals);
}
