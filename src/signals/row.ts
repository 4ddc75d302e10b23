// What one service's proxies reported within one period, by edge: as it is added to, and as text, in which it is kept, stored and read by
// other replicas. Pure.
import type { Json } from '../lib/table.ts';
import { crowdOf, type Edge, edgeKey } from './edge.ts';
import { type Level, levels } from './period.ts';
import { mergeSignals, noSignals, readSignals, type Signals, writeSignals } from './signals.ts';

export interface Row {
  readonly level: Level;
  /** Epoch milliseconds. */
  readonly begin: number;
  /** Everything of the finer level that ended by then is in it. */
  upTo: number;
  /** By `edgeKey`. */
  readonly edges: Map<string, Signals>;
}

/** A row as text. */
export interface KeptRow {
  readonly level: Level;
  readonly begin: number;
  readonly upTo: number;
  readonly text: string;
}

/** Edges of one service in a row; what comes on top has one place for each way to connect. */
const maxEdges = 400;

export function emptyRow(level: Level, begin: number): Row {
  return { level, begin, upTo: begin, edges: new Map() };
}

/** Where signals of that edge are added up: its own, or the crowd's. */
export function placeIn(row: Row, edge: Edge, key = edgeKey(edge)): Signals {
  const known = row.edges.get(key);
  if (known !== undefined) return known;
  const own = row.edges.size < maxEdges ? key : edgeKey(crowdOf(edge));
  const place = row.edges.get(own) ?? noSignals();
  row.edges.set(own, place);
  return place;
}

/** `crowd`: the key of an edge's crowd. */
export function mergeRow(into: Row, from: Row, crowd: (key: string) => string): void {
  for (const [key, signals] of from.edges) {
    const own = into.edges.has(key) || into.edges.size < maxEdges ? key : crowd(key);
    const place = into.edges.get(own) ?? noSignals();
    mergeSignals(place, signals);
    into.edges.set(own, place);
  }
}

export function keepRow({ level, begin, upTo, edges }: Row): KeptRow {
  return { level, begin, upTo, text: JSON.stringify([...edges].map(([key, one]) => [key, writeSignals(one)])) };
}

/** What is not of the form is left out. */
export function readRow({ level, begin, upTo, text }: KeptRow): Row {
  const row: Row = { ...emptyRow(level, begin), upTo };
  for (const item of listIn(text)) {
    const [key, value]: readonly unknown[] = Array.isArray(item) ? item : [];
    if (typeof key === 'string') row.edges.set(key, readSignals(value));
  }
  return row;
}

/** Name of a row among those of all services: no service has a space in its key. */
export function rowName(service: string, level: Level, begin: number): string {
  return `${service} ${level} ${begin}`;
}

function readRowName(name: string): { service: string; level: Level; begin: number } | undefined {
  const [service, word, at, ...more] = name.split(' ');
  const level = levels.find((one) => one === word);
  const begin = Number(at);
  if (service === undefined || level === undefined || more.length > 0 || !Number.isSafeInteger(begin)) return undefined;
  return { service, level, begin };
}

export function rowToJson({ upTo, text }: KeptRow): Json {
  return { version, upTo, text };
}

/** Undefined for what another version wrote. */
export function rowFromJson(name: string, value: Json): (KeptRow & { readonly service: string }) | undefined {
  const found = readRowName(name);
  if (found === undefined || typeof value !== 'object' || value === null || !('text' in value)) return undefined;
  const { version: of, upTo, text } = value;
  if (of !== version || typeof upTo !== 'number' || typeof text !== 'string') return undefined;
  return { ...found, upTo, text };
}

const version = 1;

function listIn(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
