// Whom the next phase of a rotation of the root would cut off in cells that have a control plane of their own: what it signed is known
// there alone, so each says who holds the phase up there, and one that does not say holds it up itself. Pure.

import type { FollowerIssuer } from '../identity/follower-issuers.ts';
import type { CellProgress, CellReport, SeenCell } from '../identity/roots/cell-report.ts';
import type { HoldUp } from '../identity/roots/hold-up.ts';
import { activeRoot, type RootsRecord, retiringRoots } from '../identity/roots/roots-record.ts';
import { defined } from '../lib/defined.ts';

export interface CellFacts {
  /** Good intermediates of cells that this root (PEM) vouches for. */
  readonly issuersUnder: (root: string) => readonly FollowerIssuer[];
  /** Those that have a control plane, as the documents say: for others nobody waits any more. Undefined: none are in force. */
  readonly cells: readonly string[] | undefined;
  /** Evicted or banned: nobody waits for that control plane. */
  readonly refused: (cell: string, nodeKey: string | undefined) => boolean;
  /** Who follows, wherever it is connected, with the last reports that count. */
  readonly seen: readonly SeenCell[];
}

export interface CellHoldUps {
  readonly holdUps: readonly HoldUp[];
  /** How many more there are, which no cell named. */
  readonly more: number;
  readonly cells: readonly CellProgress[];
}

/** Control planes of cells that are to say something in this phase: those that follow, and those with an intermediate that matters. */
export function cellHoldUps(record: RootsRecord, facts: CellFacts): CellHoldUps {
  const { phase } = record.rotation ?? {};
  if (phase === undefined || phase === 'prepare') return { holdUps: [], more: 0, cells: [] };
  const { cells } = facts;
  const seen = eachOnce(facts.seen).filter(({ connected, report }) => connected || report?.version === record.version);
  const issuers = awaited(record, facts);
  // For whom an earlier version certified one is not known until somebody says that it has it.
  const claimed = seen.flatMap(({ report }) => (report?.version === record.version ? report.issuers : []));
  const nobodys = issuers.filter(({ owner, name }) => owner === undefined && !claimed.includes(name));
  const waiting = new Set([
    ...seen.map(({ cell }) => cell).filter((cell) => cells === undefined || cells.includes(cell)),
    ...issuers.flatMap(({ owner }) => owner?.cell ?? []),
  ]);
  const each = [...waiting].toSorted().map((cell) => {
    const own = seen.filter((one) => one.cell === cell);
    return lookAt(
      cell,
      record,
      own,
      issuers.filter(({ owner }) => owner?.cell === cell),
    );
  });
  return {
    holdUps: [...each.flatMap(({ holdUps }) => holdUps), ...nobodys.map(unknownOwner)],
    more: each.reduce((sum, { more }) => sum + more, 0),
    cells: each.map(({ progress }) => progress),
  };
}

/** Of one that was seen by several control planes, the newest report. */
function eachOnce(seen: readonly SeenCell[]): readonly SeenCell[] {
  const age = ({ ageMs = Number.POSITIVE_INFINITY }: SeenCell): number => ageMs;
  return [...Map.groupBy(seen, ({ cell, follower }) => `${cell} ${follower}`).values()].flatMap((all) => {
    const [first] = all.toSorted((one, other) => age(one) - age(other));
    if (first === undefined) return [];
    const connected = all.some((one) => one.connected);
    return [{ ...first, connected, takesPart: all.some(({ takesPart }) => takesPart) }];
  });
}

/** Intermediates under what goes, or, before anything does, under what signs. */
function awaited(record: RootsRecord, { issuersUnder, cells, refused }: CellFacts): readonly FollowerIssuer[] {
  const { phase } = record.rotation ?? {};
  const roots = phase === 'publish' ? [activeRoot(record).pem] : phase === 'remove' ? [] : retiringRoots(record);
  // What has just been removed: it is to be taken out there as well.
  const gone = phase === 'remove' ? record.removed.slice(0, 1) : [];
  return [...roots, ...gone].flatMap(issuersUnder).filter(({ owner }) => {
    if (owner === undefined) return true;
    return (cells === undefined || cells.includes(owner.cell)) && !refused(owner.cell, owner.nodeKey);
  });
}

interface Look {
  readonly holdUps: readonly HoldUp[];
  readonly more: number;
  readonly progress: CellProgress;
}

function lookAt(
  cell: string,
  { version }: RootsRecord,
  own: readonly SeenCell[],
  issuers: readonly FollowerIssuer[],
): Look {
  const said = own.flatMap(({ report, follower }) => (report?.version === version ? [{ ...report, follower }] : []));
  const silent = own.filter(({ connected, report }) => connected && report?.version !== version);
  const held = said.reduce((sum, report) => sum + report.held, 0);
  const named = said.flatMap(({ holdUps }) => holdUps).map((one) => ofCell(cell, one));
  const whole = (state: CellProgress['state'], holdUps: readonly HoldUp[]): Look => ({
    holdUps,
    more: state === 'held' || state === 'silent' ? held - named.length : 0,
    progress: { cell, state, ...defined({ held: said.length === 0 ? undefined : held }) },
  });
  const itself = (why: string): HoldUp => ({ kind: 'follower', who: cell, why });
  if (own.length === 0) return whole('away', [itself(away)]);
  if (silent.some(({ takesPart }) => !takesPart)) return whole('unable', [itself(unable)]);
  if (silent.length > 0 || said.length === 0) return whole('silent', [...named, itself(whySilent(own))]);
  const elsewhere = issuers.filter((issuer) => !said.some((report) => accounts(report, issuer)));
  if (held === 0 && elsewhere.length === 0) return whole('done', []);
  return whole('held', [...named, ...elsewhere.map((issuer) => apart(cell, issuer))]);
}

/** Whoever has an intermediate knows what it signed; so does the host that it was certified for. */
function accounts({ issuers, follower }: CellReport & { readonly follower: string }, issuer: FollowerIssuer): boolean {
  return issuers.includes(issuer.name) || issuer.owner?.nodeKey === follower;
}

const letGo = 'let it come back; if it never will: cellwall node evict, which cuts off what it signed';
const away = `its control plane is away: whom it would cut off is not known; ${letGo}`;
const unable = 'its control plane is of an earlier version, which cannot say whom it would cut off: update it';

function whySilent(own: readonly SeenCell[]): string {
  if (own.some(({ report }) => report !== undefined)) return 'its control plane has not taken up this phase yet';
  return 'its control plane has not said whom it would cut off';
}

function ofCell(cell: string, { kind, who, why }: HoldUp): HoldUp {
  return { kind: 'follower', who: `${cell}: ${kind} ${who}`, why };
}

function apart(cell: string, { serial, notAfter, owner }: FollowerIssuer): HoldUp {
  const host = owner?.nodeKey === undefined ? '' : ` (node key ${owner.nodeKey.slice(0, 16)})`;
  const ends = `ends ${notAfter.toISOString()}`;
  const why = `an intermediate of another control plane of it${host}, which is away: ${ends}; ${letGo}`;
  return { kind: 'follower', who: `${cell}: serial ${serial}`, why };
}

function unknownOwner({ serial, notAfter }: FollowerIssuer): HoldUp {
  const why = `the intermediate of a cell's control plane, which is not known yet; ends ${notAfter.toISOString()}`;
  return { kind: 'follower', who: `serial ${serial}`, why };
}
