// What the control plane of a cell says to the one that it follows: who would be cut off there by the next phase of a rotation of the root.
// It speaks for its cell alone: which one that is says its certificate, not the report. Hostile until it is read here.
import { z } from 'zod';
import { clip } from '../../lib/clip.ts';
import { type HoldUp, holdUpKinds } from './hold-up.ts';

export interface CellReport {
  /** Of the record of the roots that it is about. */
  readonly version: number;
  /** Names of the roots that are trusted there. */
  readonly roots: readonly string[];
  /** Common names of the intermediates that it has, also of those that sign no more. */
  readonly issuers: readonly string[];
  /** How many hold the phase up there. */
  readonly held: number;
  /** The first of them. */
  readonly holdUps: readonly HoldUp[];
}

/** A control plane of a cell, as the one that it follows sees it. */
export interface SeenCell {
  readonly cell: string;
  /** Which of the cell's: its node key, or else its identity. */
  readonly follower: string;
  /** It listens for documents and roots. */
  readonly connected: boolean;
  /** It takes part in rotations, as it said when it began to listen. */
  readonly takesPart: boolean;
  /** The last one. */
  readonly report?: CellReport;
  /** How old that is, milliseconds. */
  readonly ageMs?: number;
}

/** How far a cell is in a phase. `silent`: it does not say. `unable`: it is of a version that cannot. */
export interface CellProgress {
  readonly cell: string;
  readonly state: 'done' | 'held' | 'silent' | 'away' | 'unable';
  /** How many hold it up there. Absent: nobody knows. */
  readonly held?: number;
}

/** Of those that hold it up at a cell. */
export const mostNamedOfCell = 10;
const mostIssuers = 64;
const longestName = 300;
const longestWhy = 500;

const textUpTo = (length: number) => z.string().transform((text) => clip(text, length));
const reportSchema = z.object({
  version: z.int().min(0),
  roots: z.array(z.string().max(64)).max(64),
  issuers: z.array(z.string().max(128)).max(mostIssuers),
  held: z.int().min(0),
  holdUps: z
    .array(z.object({ kind: z.enum(holdUpKinds), who: textUpTo(longestName), why: textUpTo(longestWhy) }))
    .max(mostNamedOfCell),
});
const seenSchema = z.object({
  cell: z.string(),
  follower: z.string(),
  connected: z.boolean(),
  takesPart: z.boolean(),
  report: reportSchema.exactOptional(),
  ageMs: z.number().exactOptional(),
});

/** As short as it may be. `holdUps`: all that are known, of `held`. */
export function writeCellReport({ issuers, holdUps, ...report }: CellReport): CellReport {
  return {
    ...report,
    issuers: issuers.slice(-mostIssuers),
    holdUps: holdUps.slice(0, mostNamedOfCell).map(({ kind, who, why }) => ({
      ...{ kind, who: clip(who, longestName), why: clip(why, longestWhy) },
    })),
  };
}

/** Undefined: it is none. Whoever names somebody is held up by that. */
export function readCellReport(value: unknown): CellReport | undefined {
  const { data } = reportSchema.safeParse(value);
  return data === undefined ? undefined : { ...data, held: Math.max(data.held, data.holdUps.length) };
}

/** As another control plane on the same store has it. Undefined: it is none. */
export function readSeenCell(value: unknown): SeenCell | undefined {
  return seenSchema.safeParse(value).data;
}
