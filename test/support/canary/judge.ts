// At the end of a run: every secret that it made, looked for in everything that it kept.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { allows, type Exception, type Place, type Suite } from './exceptions.ts';
import { harvest } from './harvest.ts';
import { headerMark } from './keeper.ts';
import { createSearch, type Secret } from './search.ts';

export interface Verdict {
  readonly secrets: number;
  readonly outputs: number;
  readonly bytes: number;
  /** Outputs too long to be kept whole. */
  readonly cut: number;
  /** Places, each once, in words; without the secret. */
  readonly found: readonly string[];
  /** Reasons of exceptions that were of no use. */
  readonly unused: readonly string[];
}

export interface Judging {
  readonly folder: string;
  readonly exceptions: readonly Exception[];
  readonly suite: Suite;
  /** Files beside what was kept: the run's own report. */
  readonly more: readonly string[];
}

const header = z.object({ kind: z.string(), label: z.string(), test: z.string() });
const secretLine = z.object({ kind: z.string(), hex: z.string(), test: z.string() });
const fileLine = z.object({ kept: z.string(), path: z.string(), test: z.string() });

interface Output {
  readonly content: Buffer;
  readonly isPrivate?: boolean;
  /** Of what stands at a position. */
  origin(position: number): z.infer<typeof header>;
}

export function judge({ folder, exceptions, suite, more }: Judging): Verdict {
  const names = readdirSync(folder);
  const lines = <T>(name: string, shape: z.ZodType<T>): readonly T[] =>
    names.filter((file) => file.startsWith(`${name}-`)).flatMap((file) => jsonLines(join(folder, file), shape));
  // A file may have been kept by its descriptor and again when it was removed.
  const files = new Map<string, z.infer<typeof fileLine>>();
  for (const file of lines('files', fileLine)) {
    if (existsSync(file.kept) && statSync(file.kept).isFile()) files.set(String(statSync(file.kept).ino), file);
  }
  const secrets = new Map<string, Secret>();
  for (const { hex, ...made } of lines('secrets', secretLine)) {
    secrets.set(hex, { ...made, bytes: Buffer.from(hex, 'hex') });
  }
  for (const { kept, path } of files.values()) {
    if (statSync(kept).size > 100_000) continue;
    for (const secret of harvest(path, readFileSync(kept))) {
      const hex = secret.bytes.toString('hex');
      if (!secrets.has(hex)) secrets.set(hex, secret);
    }
  }
  // Of a few distinct bytes: an example that somebody typed.
  const sought = [...secrets.values()].filter(({ bytes }) => new Set(bytes).size > 10);
  const search = createSearch(sought);

  const places = new Map<string, Place & { readonly form: string }>();
  let [outputs, bytes] = [0, 0];
  const look = ({ content, isPrivate = false, origin }: Output): void => {
    bytes += content.length;
    for (const { secret, form, position } of search.in(content)) {
      const at = origin(position);
      const before = content.toString('latin1', Math.max(0, position - 80), position);
      // What the run as a whole says is of the test that made the secret.
      const place = { ...at, test: at.test || (secret.test ?? ''), secret: secret.kind, form, isPrivate, before };
      const which = exceptions.findIndex((one) => allows(one, place));
      const id = [at.kind, at.label, place.test, secret.kind, form, isPrivate, which].join();
      if (!places.has(id)) places.set(id, place);
    }
  };
  for (const name of names.filter((file) => file.startsWith('outputs-') || file.startsWith('ignored-'))) {
    const content = readFileSync(join(folder, name));
    outputs += countHeaders(content);
    look({ content, origin: (position) => headerBefore(content, position) });
  }
  for (const { kept, path, test } of files.values()) {
    outputs++;
    look({
      content: readFileSync(kept),
      isPrivate: (statSync(kept).mode & 0o077) === 0,
      origin: () => ({ kind: 'file', label: shown(path), test }),
    });
  }
  for (const path of more) {
    outputs++;
    look({ content: readFileSync(path), origin: () => ({ kind: 'report', label: basename(path), test: '' }) });
  }
  const found = [...places.values()];
  const describe = ({ kind, label, test, secret, form, isPrivate, before }: (typeof found)[number]): string => {
    const what = `${isPrivate ? 'private ' : ''}${kind}${label === '' ? '' : ` of ${label}`}`;
    return `${secret} (${form}) in ${what}, ${test || 'the run itself'}, after ${harmless(before)}`;
  };
  return {
    secrets: sought.length,
    outputs,
    bytes,
    cut: lines('cuts', header).length,
    found: [
      ...new Set(found.filter((place) => !exceptions.some((one) => allows(one, place))).map(describe)),
    ].toSorted(),
    unused: exceptions
      .filter((one) => (one.suite ?? 'tests') === suite && !found.some((place) => allows(one, place)))
      .map(({ reason }) => reason),
  };
}

function jsonLines<T>(path: string, shape: z.ZodType<T>): readonly T[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => shape.parse(JSON.parse(line)));
}

function headerBefore(content: Buffer, position: number): z.infer<typeof header> {
  const start = content.lastIndexOf(headerMark, position);
  if (start === -1) return { kind: 'output', label: 'a process that nobody listens to', test: '' };
  const from = start + headerMark.length;
  return header.parse(JSON.parse(content.toString('utf8', from, content.indexOf('\n', from))));
}

function countHeaders(content: Buffer): number {
  let count = 0;
  for (let at = content.indexOf(headerMark); at !== -1; at = content.indexOf(headerMark, at + 1)) count++;
  return Math.max(1, count);
}

/** Without the random parts of temporary folders. */
function shown(path: string): string {
  return path.replace(/^.*\/(cellwall-[a-z0-9-]+?)-[A-Za-z0-9]{6}\//, '$1/');
}

/** What stands before a find helps to see what wrote it; words that may be secrets themselves are left out. */
function harmless(before: string): string {
  return JSON.stringify(before.replaceAll(/[A-Za-z0-9+/_=-]{12,}/g, '…').slice(-30));
}
