// What is wrong in the mesh, edge by edge, as `doctor` would say if somebody asked about each: of those that there is reason to look into.
import { diagnose } from '../../doctor/diagnose.ts';
import { defined } from '../../lib/defined.ts';
import { onceAWhile } from '../../lib/once-a-while.ts';
import { createPause } from '../../lib/pauses.ts';
import type { AdminDeps } from '../deps.ts';
import { inForceOrNothing } from '../in-force.ts';
import type { MapReader } from '../map-reader.ts';
import type { DoctorQuery } from '../wire-doctor.ts';
import type { ProxyRow } from '../wire-proxies.ts';
import type { Trouble, TroublesAnswer } from '../wire-troubles.ts';
import { gatherFacts } from './gather.ts';
import { type Suspect, suspectsOf } from './suspects.ts';

/** However many ask, it is looked at once in this time. */
const keptMs = 2000;
const maxAsked = 40;
/** Other control planes are asked about so many at the same time. */
const atOnce = 8;
const maxFindings = 3;

export function createTroubles(
  deps: AdminDeps,
  readMap: MapReader,
  rows: () => Promise<readonly ProxyRow[]>,
): () => Promise<TroublesAnswer> {
  const { store, clock } = deps;
  return onceAWhile({ clock, forMs: keptMs }, async (): Promise<TroublesAnswer> => {
    const [{ answer: map }, known, refusals] = await Promise.all([readMap(), rows(), deps.refusedSvids?.() ?? []]);
    const { mesh } = inForceOrNothing(store);
    const now = clock.now();
    const refused = refusals.flatMap(({ spiffeId, lastAt }) =>
      spiffeId !== undefined && lastAt > now - map.recentMs ? [spiffeId] : [],
    );
    const suspects = suspectsOf({ map, mesh, rows: known, handshakes: deps.handshakes?.() ?? [], refused, now });
    const asked = suspects.slice(0, maxAsked);
    const once = onceOf(deps);
    const edges: Trouble[] = [];
    const pause = createPause(clock);
    for (let from = 0; from < asked.length; from += atOnce) {
      const some = asked.slice(from, from + atOnce).map((suspect) => troubleOf(suspect, once, async () => known));
      edges.push(...(await Promise.all(some)).filter((one) => one !== undefined));
      await pause();
    }
    const omitted = suspects.length - asked.length;
    return { at: now, edges, asked: asked.length, ...(omitted === 0 ? {} : { omitted }) };
  });
}

/** Undefined: nothing is wrong, or it is gone by now. */
async function troubleOf(
  { caller, target, port }: Suspect,
  deps: AdminDeps,
  rows: () => Promise<readonly ProxyRow[]>,
): Promise<Trouble | undefined> {
  const query: DoctorQuery = { caller, target, ...(port === undefined ? {} : { port }) };
  const facts = await gatherFacts(query, deps, rows).catch(() => undefined);
  if (facts === undefined) return undefined;
  const { verdict, findings } = diagnose(facts);
  if (verdict === 'fine' || verdict === 'unknown') return undefined;
  const told = findings.filter(({ weight }) => weight !== 'note').slice(0, maxFindings);
  const rule = told.some(({ cause }) => cause === 'denied') ? facts.policy.rule : undefined;
  return { from: caller, to: target, verdict, findings: [...told], ...defined({ port, rule }) };
}

/** What is the same for every edge is read once. */
function onceOf(deps: AdminDeps): AdminDeps {
  const { record, refusedSvids } = deps;
  const certificates = once(() => deps.certificates());
  const traffic = once(() => deps.traffic());
  return {
    ...deps,
    // The map has just had what others recorded.
    record: { ...record, refresh: async () => [] },
    certificates,
    traffic,
    ...(refusedSvids === undefined ? {} : { refusedSvids: once(() => refusedSvids()) }),
  };
}

function once<T>(read: () => T): () => T {
  let found: { readonly value: T } | undefined;
  return () => {
    found ??= { value: read() };
    return found.value;
  };
}
