// Moves what a store holds to another one, or to a file and back, while no control plane runs: documents, history and tables; to a file
// also the audit log, which otherwise stays in the data folder.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isAuditEvent } from '../audit/audit-event.ts';
import { auditFiles, linesOf } from '../audit/audit-files.ts';
import { parseRecord } from '../audit/audit-record.ts';
import { createSealedTable, sealKey } from '../identity/sealed-table.ts';
import { ensureDataFolder, readSecretFile, writeSecretFile } from '../identity/secret-file.ts';
import type { Clock } from '../lib/clock.ts';
import { differing } from '../lib/differing.ts';
import { CellwallError } from '../lib/errors.ts';
import { lockFolder } from '../lib/folder-lock.ts';
import type { Log } from '../lib/log.ts';
import { createSeal, type Seal } from '../lib/seal.ts';
import type { Table } from '../lib/table.ts';
import type { Holding } from '../store/judges.ts';
import { readContent, type Written, writeContent } from '../store/move/content.ts';
import { type ContentFile, formatContent, parseContent } from '../store/move/content-file.ts';
import type { Store } from '../store/store.ts';
import { type GivenSealKey, installSealKey } from './install-seal-key.ts';
import { createJudge } from './judge.ts';
import { auditHeadName } from './open-audit.ts';
import { openStore } from './open-store.ts';
import type { ServeOptions } from './serve-options.ts';
import { finishSwap, onCopy } from './state-copy.ts';

export type Place =
  | { readonly kind: 'store'; readonly store: ServeOptions['store'] }
  | { readonly kind: 'file'; readonly path: string };

export interface MoveOptions extends GivenSealKey {
  readonly data: string;
  readonly from: Place;
  readonly to: Place;
  /** Removes what is there. */
  readonly replace: boolean;
}

export interface Moved extends Written {
  /** Records of the audit log that were written to the file, or from it to the data folder. */
  readonly audit: number;
}

export interface MoveDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** Throws `failed_precondition` while a control plane runs on the data folder, and for a place that is not empty. */
export async function moveStore({ data, from, to, replace, ...given }: MoveOptions, deps: MoveDeps): Promise<Moved> {
  ensureDataFolder(data, (message) => deps.log.warn({}, message));
  // As `serve` does: never beside one.
  const hint = 'stop it, and every other one that uses the same store: calls go on meanwhile';
  const lock = lockFolder({ folder: data, name: 'serve', hint });
  try {
    finishSwap(data);
    const undo = installSealKey(data, given);
    try {
      return await moveLocked({ data, from, to, replace }, deps);
    } catch (reason) {
      // A wrong one would be in the way of the right one.
      undo();
      throw reason;
    }
  } finally {
    lock.release();
  }
}

async function moveLocked({ data, from, to, replace }: MoveOptions, deps: MoveDeps): Promise<Moved> {
  const seal = createSeal(sealKey(join(data, 'seal.key')));
  if (to.kind === 'file' && existsSync(to.path) && !replace) {
    throw new CellwallError('already_exists', `${to.path} exists already`, { hint: '--replace overwrites it' });
  }
  // Whatever fails, the data folder remembers what it did before.
  return onCopy(data, to.kind === 'store', async (state) => {
    const moving = { ...deps, data, state };
    const read = await readPlace(from, to, seal, moving);
    if (to.kind === 'file') {
      writeSecretFile(to.path, formatContent(read, seal, new Date(deps.clock.now())));
      const { revision, documents, entries } = read.content;
      return { revision, documents: documents.length, entries: entries.length, audit: read.audit.length };
    }
    const { store, shared } = await open(to.store, anything, moving);
    try {
      if (shared) await refuseIfUsed(store.table('replicas'), deps.clock);
      const written = await writeContent(store, read.content, { replace, now: deps.clock.now() });
      const audit = restoreAudit(data, read.audit);
      await renameHead(store, data, read.shared, shared, deps.log);
      return { ...written, audit };
    } finally {
      await store.close();
    }
  });
}

interface Moving extends MoveDeps {
  readonly data: string;
  readonly state: string;
}

async function readPlace(from: Place, to: Place, seal: Seal, moving: Moving): Promise<ContentFile> {
  if (from.kind === 'file') {
    if (!existsSync(from.path)) throw new CellwallError('not_found', `there is no file ${from.path}`);
    return parseContent(readSecretFile(from.path), seal, from.path);
  }
  const { store, shared } = await open(from.store, asItIs, moving);
  try {
    if (shared) await refuseIfUsed(store.table('replicas'), moving.clock);
    const content = await readContent(store);
    const audit: string[] = [];
    if (to.kind === 'file')
      for await (const line of linesOf(auditFiles(auditFile(moving.data)))) if (line !== undefined) audit.push(line);
    return { content, shared, audit };
  } finally {
    await store.close();
  }
}

const anything: Holding = { hold: () => undefined, release() {}, watch: () => () => {} };

/** An edit that no control plane has put in force is not put in force by moving it: the gate has not seen it. */
const asItIs: Holding = {
  ...anything,
  hold(before, after) {
    const differ = differing(before.documents, after.documents);
    const keep = [...new Set([...differ.before, ...differ.after].map(({ key }) => key))];
    const [first] = [...differ.after, ...differ.before];
    if (first === undefined) return undefined;
    const message = `${first.key} was edited, and no control plane has put that in force`;
    const source = first.locate([]);
    return { keep, problems: [{ severity: 'error', code: 'not-in-force', message, hint: 'start one first', source }] };
  },
};

async function open(choice: ServeOptions['store'], holding: Holding, { data, state, clock, log }: Moving) {
  // What was in force may contain raw resources with code: `serve` decides about them.
  const { check } = createJudge({ proxyCode: true });
  const { store, alsoChangedBy } = await openStore({ store: choice, data, state }, { check, holding, clock, log });
  return { store, shared: alsoChangedBy === 'replicas' };
}

/** Where the audit log ended is remembered under another name where control planes share a store. */
async function renameHead(store: Store, data: string, wasShared: boolean, isShared: boolean, log: Log): Promise<void> {
  const [before, after] = [auditHeadName(data, wasShared), auditHeadName(data, isShared)];
  if (before === after) return;
  const key = sealKey(join(data, 'seal.key'));
  const table = createSealedTable({ table: store.table('audit'), name: 'audit', key, log });
  const head = await table.get(before);
  if (head === undefined) return;
  await table.set(after, head);
  await table.delete(before);
}

/** Only where there is none: the one of this data folder goes on otherwise. It has the id that its checkpoints name. */
function restoreAudit(data: string, lines: readonly string[]): number {
  if (lines.length === 0 || auditFiles(auditFile(data)).length > 0) return 0;
  const events = lines.map((line) => parseRecord(line)?.event);
  const checkpoint = events.find((event) => event?.kind === 'checkpoint');
  if (checkpoint?.kind === 'checkpoint' && isAuditEvent(checkpoint))
    writeSecretFile(join(data, 'audit.id'), checkpoint.log);
  writeSecretFile(auditFile(data), lines.map((line) => `${line}\n`).join(''));
  return lines.length;
}

function auditFile(data: string): string {
  return join(data, 'audit.jsonl');
}

/** Three beats: one may be late. */
const lookMs = 3000;

/**
 * What control planes write meanwhile would be lost, or half moved. Those of other hosts are known by their beat in `table`, which changes
 * every second. Throws `failed_precondition` if one runs; looks only if one is there at all.
 */
async function refuseIfUsed(table: Pick<Table, 'list'>, clock: Pick<Clock, 'after'>): Promise<void> {
  const told = async () => new Map((await table.list()).map(({ key, value }) => [key, JSON.stringify(value)]));
  const before = await told();
  if (before.size === 0) return;
  await new Promise<void>((resolve) => void clock.after(lookMs, resolve));
  const running = [...(await told())].flatMap(([replica, said]) => (before.get(replica) === said ? [] : [replica]));
  if (running.length === 0) return;
  throw new CellwallError('failed_precondition', `control planes use this store: ${running.join(', ')}`, {
    hint: 'stop every one of them, on whatever host: calls go on meanwhile',
  });
}
