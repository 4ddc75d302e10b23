// Who holds up a rotation of the root, as all control planes on one store find it together: each says what it knows of its own proxies,
// helpers and certificates; one that does not say holds it up itself.
import type { OtherReplicas } from '../admin/everywhere.ts';
import { type CellFacts, cellHoldUps } from '../control/cell-hold-ups.ts';
import { hasTaken } from '../control/not-taken.ts';
import { type OwnFacts, ownHoldUps } from '../control/own-hold-ups.ts';
import { type SharedFacts, sharedHoldUps } from '../control/shared-hold-ups.ts';
import { readSeenCell, type SeenCell } from '../identity/roots/cell-report.ts';
import type { FoundHoldUp, HoldUp } from '../identity/roots/hold-up.ts';
import { readFoundHoldUp, readLook } from '../identity/roots/read-hold-ups.ts';
import { type RootsRecord, renewingPhases } from '../identity/roots/roots-record.ts';
import type { GatheredHoldUps, RotationLook } from '../identity/roots/rotate-root.ts';
import type { Clock } from '../lib/clock.ts';
import type { Json } from '../lib/table.ts';

export interface RootHoldUpsDeps {
  /** Absent: nobody shares the store. */
  readonly others: OtherReplicas | undefined;
  /** In force here. Undefined: none that may be replaced. */
  readonly record: () => RootsRecord | undefined;
  readonly own: (record: RootsRecord) => Promise<OwnFacts>;
  /** Own proxies whose Envoys show another certificate than they should. */
  readonly shown: (record: RootsRecord) => Promise<readonly HoldUp[]>;
  readonly shared: (record: RootsRecord, elapsedMs: number) => Promise<SharedFacts>;
  /** What is known here of cells that follow. Absent: none do. */
  readonly cells?: (() => CellFacts) | undefined;
  /** Has what a root that goes vouches for renewed. */
  readonly renew: () => void;
  /** Told what the one that asks found the last time. */
  readonly onLook: (look: RotationLook) => void;
  readonly clock: Pick<Clock, 'monotonic'>;
}

export interface RootHoldUps {
  gather(record: RootsRecord, elapsedMs: number, before: RotationLook): Promise<GatheredHoldUps>;
  /** Control planes that are of a version, or set up so, that they cannot take part, by name. */
  unable(): readonly string[];
}

/** What a control plane says among the others (`about`) if its roots are those of the record in the store. */
export const sharesRoots = 'sharesRoots';

/** Of those that one control plane found, and of those that are shown to the others. */
const mostTold = 500;
const mostShown = 50;
/** Hosts that the others are asked about at once. */
const mostAsked = 1000;
const questionKind = 'root-hold-ups';
const heardKind = 'root-heard';

export function createRootHoldUps(deps: RootHoldUpsDeps): RootHoldUps {
  const { others, record: inForce, renew, clock } = deps;
  const find = async (record: RootsRecord): Promise<{ sequence: number; found: readonly FoundHoldUp[] }> => {
    const [facts, shown] = await Promise.all([deps.own(record), deps.shown(record)]);
    return { sequence: facts.bundle.sequence, found: [...ownHoldUps(record, facts), ...shown] };
  };
  others?.answer(questionKind, async (question) => {
    const { version, look } = fields(question);
    const record = inForce();
    const told = readLook(look);
    if (told !== undefined) deps.onLook(told);
    if (record === undefined || record.version !== version) return [{ version: record?.version ?? 0 }];
    if (record.rotation !== undefined && renewingPhases.includes(record.rotation.phase)) renew();
    const { sequence, found } = await find(record);
    const first = found.slice(0, mostTold).map((one) => ({ ...one }));
    const seen = (deps.cells?.().seen ?? []).map(jsonOfCell);
    const cells = seen.length === 0 ? {} : { cells: seen };
    return [{ version, sequence, more: found.length - first.length, ...cells }, ...first];
  });
  others?.answer(heardKind, async (question) => {
    const { keys } = fields(question);
    const record = inForce();
    if (record === undefined || !Array.isArray(keys)) return [];
    const { inUse } = await deps.own(record);
    return keys.filter((key: Json) => typeof key === 'string' && hasTaken(record, inUse(key)));
  });
  const elsewhere = (): ReturnType<OtherReplicas['list']> =>
    (others?.list() ?? []).filter(({ id }) => id !== others?.id);
  const unable = (): readonly string[] =>
    elsewhere()
      .filter(({ alive, about }) => alive && about[sharesRoots] !== true)
      .map(({ id }) => id);

  async function ask(record: RootsRecord, { cells, ...look }: RotationLook): Promise<Asked> {
    const found: FoundHoldUp[] = [];
    const seen: SeenCell[] = [];
    let [sequence, more] = [0, 0];
    if (others === undefined) return { found, seen, sequence, more };
    const { version } = record;
    const shown = { ...look, holdUps: look.holdUps.slice(0, mostShown).map((one) => ({ ...one })) };
    const progress = cells === undefined ? {} : { cells: cells.map((one) => ({ ...one })) };
    const answers = await others.ask(questionKind, { version, look: { ...shown, ...progress } });
    // After the answers: whoever was heard meanwhile was not asked.
    for (const { id, alive, about } of elsewhere()) {
      const [head, ...rest] = answers.get(id) ?? [];
      const said = fields(head ?? null);
      const why = !alive
        ? 'it is not heard any more: it may serve its proxies with what it had'
        : about[sharesRoots] !== true
          ? 'it cannot take part: it is starting, of an earlier version, or has no bootstrap secret'
          : head === undefined
            ? 'it does not answer'
            : said['version'] !== version
              ? 'it does not have the roots in force yet'
              : undefined;
      if (why !== undefined) found.push({ kind: 'replica', who: id, why });
      found.push(...rest.flatMap((one) => readFoundHoldUp(one) ?? []));
      sequence = Math.max(sequence, Number(said['sequence'] ?? 0));
      more += Number(said['more'] ?? 0);
      const { cells: theirs = [] } = said;
      if (Array.isArray(theirs)) seen.push(...theirs.flatMap((one: Json) => readSeenCell(one) ?? []));
    }
    return { found, seen, sequence, more };
  }

  /** Without those whose helper another control plane has heard. */
  async function unheard(record: RootsRecord, found: readonly FoundHoldUp[]): Promise<readonly FoundHoldUp[]> {
    const keys = [...new Set(found.flatMap(({ nodeKey }) => nodeKey ?? []))].slice(0, mostAsked);
    if (others === undefined || keys.length === 0) return found;
    const { inUse } = await deps.own(record);
    const heard = new Set<Json>(keys.filter((key) => hasTaken(record, inUse(key))));
    for (const list of (await others.ask(heardKind, { keys })).values()) for (const key of list) heard.add(key);
    return found.filter(({ nodeKey }) => nodeKey === undefined || !heard.has(nodeKey));
  }

  return {
    unable,
    async gather(record, elapsedMs, before) {
      const began = clock.monotonic();
      const asked = await ask(record, before);
      const waited = clock.monotonic() - began;
      const here = await find(record);
      const facts = deps.cells?.();
      const cells = facts && cellHoldUps(record, { ...facts, seen: [...facts.seen, ...asked.seen] });
      const shared = sharedHoldUps(record, await deps.shared(record, elapsedMs));
      const all = [...here.found, ...asked.found, ...shared, ...(cells?.holdUps ?? [])];
      const byName = new Map((await unheard(record, all)).map((one) => [`${one.kind} ${one.who}`, one]));
      const isAlone = elsewhere().length === 0;
      return {
        holdUps: [...byName.values()].map(({ kind, who, why }): HoldUp => ({ kind, who, why })),
        more: asked.more + (cells?.more ?? 0),
        ...(cells === undefined || cells.cells.length === 0 ? {} : { cells: cells.cells }),
        sequence: Math.max(here.sequence, asked.sequence),
        ...(isAlone ? {} : { waitedMs: waited }),
      };
    },
  };
}

/** What the others say. */
interface Asked extends Pick<GatheredHoldUps, 'sequence'> {
  readonly found: readonly FoundHoldUp[];
  /** Cells that follow there. */
  readonly seen: readonly SeenCell[];
  readonly more: number;
}

function jsonOfCell({ report, ...cell }: SeenCell): { readonly [name: string]: Json } {
  if (report === undefined) return cell;
  const { roots, issuers, holdUps, ...rest } = report;
  const lists = { roots: [...roots], issuers: [...issuers], holdUps: holdUps.map((one) => ({ ...one })) };
  return { ...cell, report: { ...rest, ...lists } };
}

function fields(value: Json): { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...Object(value) } : {};
}
