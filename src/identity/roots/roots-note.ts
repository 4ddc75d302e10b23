// The record of a CA's roots as a note beside them. One that cannot be read is never taken for none: the wrong root would sign.
import { CellwallError } from '../../lib/errors.ts';
import { fromPem } from '../x509/pem.ts';
import {
  type EndedRotation,
  type RootsRecord,
  type Rotation,
  rotationPhases,
  type TrackedRoot,
} from './roots-record.ts';

export const rootsNote = 'roots.json';

/** Throws `failed_precondition` for one that is damaged. `where`: for the message. */
export function readRootsRecord(text: string, where: string): RootsRecord {
  try {
    return parseRootsRecord(JSON.parse(text));
  } catch (cause) {
    throw new CellwallError('failed_precondition', `${where}, the record of the CA's roots, cannot be read`, {
      hint: 'restore what the CA keeps as a whole, from one backup',
      cause,
    });
  }
}

export function formatRootsRecord(record: RootsRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

/** Throws for anything else. */
export function parseRootsRecord(value: unknown): RootsRecord {
  const { version, sequence, roots, rotation, last, removed } = fields(value);
  if (!Number.isSafeInteger(version) || !Array.isArray(roots) || !Array.isArray(removed)) throw malformed('record');
  const record: RootsRecord = {
    version: Number(version),
    ...(sequence === undefined ? {} : { sequence: numberOf(sequence) }),
    roots: roots.map(rootOf),
    removed: removed.map(pemOf),
    ...(rotation === undefined ? {} : { rotation: rotationOf(rotation) }),
    ...(last === undefined ? {} : { last: endedOf(last) }),
  };
  if (record.roots.filter(({ state }) => state === 'active').length !== 1) throw malformed('record: one root signs');
  return record;
}

function rootOf(value: unknown): TrackedRoot {
  const { folder, pem, state } = fields(value);
  if (typeof folder !== 'string' || !/^root$|^roots\/[0-9a-f]{16}$/.test(folder)) throw malformed('folder of a root');
  switch (state) {
    case 'published':
    case 'active':
    case 'retiring':
    case 'tainted':
      return { folder, pem: pemOf(pem), state };
    default:
      throw malformed('state of a root');
  }
}

function rotationOf(value: unknown): Rotation {
  const { id, startedAt, since, by, reason, quietMs, compromised, aborting, cut, ...rest } = fields(value);
  const phase = rotationPhases.find((one) => one === rest['phase']);
  if (phase === undefined || typeof id !== 'string' || !/^[0-9a-f]{16}$/.test(id)) throw malformed('rotation');
  if (typeof by !== 'string' || (reason !== undefined && typeof reason !== 'string')) throw malformed('rotation');
  return {
    ...{ id, phase, by, startedAt: numberOf(startedAt), since: numberOf(since), quietMs: numberOf(quietMs) },
    ...(reason === undefined ? {} : { reason }),
    ...(compromised === true ? { compromised } : {}),
    ...(aborting === true ? { aborting } : {}),
    ...(Array.isArray(cut) ? { cut: cut.map(String) } : {}),
  };
}

function endedOf(value: unknown): EndedRotation {
  const { id, startedAt, endedAt, outcome, cut } = fields(value);
  if (typeof id !== 'string' || !Array.isArray(cut)) throw malformed('end of a rotation');
  if (outcome !== 'rotated' && outcome !== 'aborted') throw malformed('end of a rotation');
  return { id, startedAt: numberOf(startedAt), endedAt: numberOf(endedAt), outcome, cut: cut.map(String) };
}

function pemOf(value: unknown): string {
  if (typeof value !== 'string' || fromPem(value, 'CERTIFICATE', 1).length !== 1) throw malformed('certificate');
  return value;
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw malformed('number');
  return value;
}

function fields(value: unknown): { readonly [name: string]: unknown } {
  if (typeof value !== 'object' || value === null) throw malformed('record');
  return { ...value };
}

function malformed(what: string): CellwallError {
  return new CellwallError('invalid_argument', `this is no ${what}`);
}
