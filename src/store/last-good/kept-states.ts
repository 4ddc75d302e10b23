// The last good states, each in a file of its own: states that were in force for a while without a complaint. What is damaged on disk is
// noticed by its digest and left out, so that there is always the one before.
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { makeFolder } from '../../lib/make-folder.ts';
import type { SavedState } from '../sqlite/state-database.ts';
import { digestOf } from './digest.ts';

export interface KeptState extends SavedState {
  /** Since when it counts as good, epoch milliseconds. */
  readonly provenAt: number;
  /** Of its texts. */
  readonly digest: string;
}

export interface KeptStates {
  /** The newest first. */
  list(): readonly KeptState[];
  /** Nothing happens if the newest has the same texts, or if the disk takes nothing: that is logged. */
  keep(state: SavedState, provenAt: number): void;
}

export interface KeptStatesOptions {
  readonly folder: string;
  readonly log: Log;
  /** How many are kept. Default 5. */
  readonly kept?: number;
}

const pattern = /^\d{15}\.json$/;

/** The folder is created with the first state. Reads all of them once. */
export function openKeptStates({ folder, log, kept = 5 }: KeptStatesOptions): KeptStates {
  const names = (): readonly string[] => {
    try {
      return readdirSync(folder)
        .filter((name) => pattern.test(name))
        .sort()
        .reverse();
    } catch {
      return [];
    }
  };
  let states: readonly KeptState[] = names().flatMap((name) => {
    const state = readState(join(folder, name));
    if (state !== undefined) return [state];
    log.error({ file: join(folder, name) }, 'a kept last good state is damaged: the one before it counts');
    return [];
  });
  return {
    list: () => states,
    keep(state, provenAt) {
      const digest = digestOf(state.files);
      if (states[0]?.digest === digest) return;
      try {
        makeFolder(folder, 0o700);
        writeState(folder, state, provenAt);
        for (const old of names().slice(kept)) rmSync(join(folder, old), { force: true });
      } catch (reason) {
        log.error({ error: CellwallError.from(reason).message }, 'the last good state cannot be kept on disk');
        return;
      }
      states = [{ ...state, provenAt, digest }, ...states.filter(({ revision }) => revision !== state.revision)].slice(
        0,
        kept,
      );
    },
  };
}

interface Content {
  readonly revision: number;
  readonly provenAt: number;
  readonly epoch?: string;
  readonly files: readonly (readonly [string, string])[];
}

function writeState(folder: string, { revision, epoch, files }: SavedState, provenAt: number): void {
  const content: Content = { revision, provenAt, ...(epoch === undefined ? {} : { epoch }), files: [...files] };
  const text = JSON.stringify(content);
  const path = join(folder, `${String(revision).padStart(15, '0')}.json`);
  const temporary = `${path}.new`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(file, JSON.stringify({ digest: sha256(text), content }));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

/** Undefined if it is not what was written. */
function readState(path: string): KeptState | undefined {
  try {
    const read: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof read !== 'object' || read === null || !('digest' in read) || !('content' in read)) return undefined;
    const { digest, content } = read;
    // By its digest it is what this file wrote.
    if (digest !== sha256(JSON.stringify(content)) || !isContent(content)) return undefined;
    const files = new Map(content.files);
    return { ...content, files, digest: digestOf(files) };
  } catch {
    return undefined;
  }
}

function isContent(value: unknown): value is Content {
  if (typeof value !== 'object' || value === null) return false;
  const { revision, provenAt, files }: Partial<Record<keyof Content, unknown>> = value;
  return typeof revision === 'number' && typeof provenAt === 'number' && Array.isArray(files);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
