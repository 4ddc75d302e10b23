// What is known of the calls of one edge within one period: numbers that can be added up. Pure.
import type { Json } from '../lib/table.ts';
import { addTime, mergeSketch, readSketch, type Sketch, writeSketch } from './sketch.ts';

/** What calls that are alike have in common. */
export interface CallFacts {
  /** Of HTTP; 0 for a connection, and where none was sent. */
  readonly status: number;
  /** Envoy's response flags, in its short form (`UF`, `UH`, `DC` …). */
  readonly flags: readonly string[];
  /** `1.3`, `1.2` …; `none` in plaintext; `unknown` where the proxy does not say; empty where nothing of TLS is counted. */
  readonly tls: string;
}

/** Calls of one edge that are alike. */
export interface Sample {
  readonly facts: CallFacts;
  readonly decision: 'allowed' | 'failed' | 'denied';
  readonly count: number;
  /** Milliseconds, of those of which it is known. */
  readonly took: readonly number[];
  /** The same, where many took about as long: milliseconds, and how many. */
  readonly times?: readonly (readonly [ms: number, count: number])[];
  /** Bytes from the caller, and to it, as they were on the wire inside of TLS. */
  readonly received: number;
  readonly sent: number;
}

export interface Signals {
  calls: number;
  denied: number;
  /** Not denied, and not answered completely. */
  failed: number;
  /** By the first digit of the status; at 0 those without one. */
  readonly classes: number[];
  readonly flags: Map<string, number>;
  readonly tls: Map<string, number>;
  received: number;
  sent: number;
  readonly latency: Sketch;
  /** Epoch milliseconds. */
  lastSeen: number;
}

/** Envoy has about thirty. */
const maxFlags = 40;

export function noSignals(): Signals {
  return {
    ...{ calls: 0, denied: 0, failed: 0, received: 0, sent: 0, lastSeen: 0 },
    ...{ classes: [0, 0, 0, 0, 0, 0], flags: new Map(), tls: new Map(), latency: new Map() },
  };
}

export function addSample(to: Signals, sample: Sample, now: number): void {
  const { facts, decision, count } = sample;
  to.calls += count;
  if (decision === 'denied') to.denied += count;
  if (decision === 'failed') to.failed += count;
  const digit = Math.floor(facts.status / 100);
  const place = digit >= 1 && digit <= 5 ? digit : 0;
  to.classes[place] = (to.classes[place] ?? 0) + count;
  for (const flag of facts.flags) addTo(to.flags, flag, count);
  if (facts.tls !== '') addTo(to.tls, facts.tls, count);
  to.received += sample.received;
  to.sent += sample.sent;
  for (const ms of sample.took) addTime(to.latency, ms);
  for (const [ms, many] of sample.times ?? []) addTime(to.latency, ms, many);
  to.lastSeen = Math.max(to.lastSeen, now);
}

export function mergeSignals(into: Signals, from: Signals): void {
  into.calls += from.calls;
  into.denied += from.denied;
  into.failed += from.failed;
  for (const [place, count] of from.classes.entries()) into.classes[place] = (into.classes[place] ?? 0) + count;
  for (const [flag, count] of from.flags) addTo(into.flags, flag, count);
  for (const [version, count] of from.tls) addTo(into.tls, version, count);
  into.received += from.received;
  into.sent += from.sent;
  mergeSketch(into.latency, from.latency);
  into.lastSeen = Math.max(into.lastSeen, from.lastSeen);
}

export function writeSignals(from: Signals): Json {
  return [
    ...[from.calls, from.denied, from.failed, [...from.classes], Object.fromEntries(from.flags)],
    ...[Object.fromEntries(from.tls), from.received, from.sent, writeSketch(from.latency), from.lastSeen],
  ];
}

/** What is not of the form that `writeSignals` gives it counts as nothing. */
export function readSignals(value: unknown): Signals {
  const fields: readonly unknown[] = Array.isArray(value) ? value : [];
  const [calls, denied, failed, classes, flags, tls, received, sent, latency, lastSeen] = fields;
  return {
    ...{ calls: numberOf(calls), denied: numberOf(denied), failed: numberOf(failed) },
    classes: [0, 1, 2, 3, 4, 5].map((place) => numberOf(Array.isArray(classes) ? classes[place] : 0)),
    ...{ flags: countsOf(flags), tls: countsOf(tls) },
    ...{ received: numberOf(received), sent: numberOf(sent), lastSeen: numberOf(lastSeen) },
    latency: readSketch(Array.isArray(latency) ? latency : []),
  };
}

function addTo(counts: Map<string, number>, name: string, count: number): void {
  if (counts.size < maxFlags || counts.has(name)) counts.set(name, (counts.get(name) ?? 0) + count);
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0;
}

function countsOf(value: unknown): Map<string, number> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return new Map(entries.slice(0, maxFlags).map(([name, count]) => [name, numberOf(count)]));
}
