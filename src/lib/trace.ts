// Records what a computation read of its inputs, so that its result can be reused as long as the same reads give the same results: nobody
// lists dependencies by hand, and nobody can forget one. Inputs are readonly data: plain objects and maps are tracked as far as they are
// read, and lists of objects on request; everything else (texts, numbers, other lists, sets) is one value.
import { inStep, sameKeys } from './in-step.ts';

export type Same = (a: unknown, b: unknown) => boolean;

export interface Traced<T> {
  readonly value: T;
  /** Whether `make` would have read the same from these inputs, and so would have the same result. */
  holds(inputs: object): boolean;
  /** Where it read, as paths of `changedPaths`: between inputs that are the same objects there, it holds. */
  readonly paths: readonly string[];
}

export interface TraceOptions {
  /** For values that are not the same object. */
  readonly same: Same;
  /** Names of fields whose lists are tracked, item by item. Default: none. */
  readonly lists?: ReadonlySet<unknown>;
}

/** `make` must be pure. */
export function trace<I extends object, T>(
  inputs: I,
  make: (inputs: I) => T,
  { same, lists = new Set() }: TraceOptions,
): Traced<T> {
  const root = new Node(inputs, lists, false, 0);
  const value = make(root.seen() as I);
  const paths: string[] = [];
  const read = root.seal('', paths);
  return { value, paths, holds: (next) => stillReads(read, next, same) };
}

/** Paths end at this depth: what is read below is a part of that. */
const pathDepth = 4;
/** Values above this depth change with every edit, and are large: a trace that kept them would keep every earlier state. */
const keptDepth = 3;

/** All paths at which two inputs are not the same objects, down to the depth of traces. */
export function changedPaths(before: object, after: object): readonly string[] {
  const paths: string[] = [];
  compare(before, after, '', 0, paths);
  return paths;
}

function compare(before: unknown, after: unknown, path: string, depth: number, paths: string[]): void {
  if (before === after) return;
  paths.push(path);
  if (depth === pathDepth) return;
  if (before instanceof Map && after instanceof Map) {
    for (const { key, one, other } of inStep<unknown, unknown>(before, after)) {
      compare(one, other, below(path, key), depth + 1, paths);
    }
    if (sameKeys(before, after)) return;
    for (const [key, one] of before) if (!after.has(key)) compare(one, undefined, below(path, key), depth + 1, paths);
    return;
  }
  const [a, b] = [isOpen(before) ? before : {}, isOpen(after) ? after : {}];
  for (const key of keysOf(a)) {
    const [one, other] = [partOf(a, key), partOf(b, key)];
    if (one !== other) compare(one, other, below(path, key), depth + 1, paths);
  }
  for (const key of keysOf(b)) {
    if (!hasPart(a, key)) compare(undefined, partOf(b, key), below(path, key), depth + 1, paths);
  }
}

function below(path: string, key: unknown): string {
  return `${path}\0${String(key)}`;
}

function keysOf(value: object): Iterable<unknown> {
  return value instanceof Map ? value.keys() : Reflect.ownKeys(value);
}

function hasPart(value: object, key: unknown): boolean {
  if (value instanceof Map) return value.has(key);
  return (typeof key === 'string' || typeof key === 'symbol') && Object.hasOwn(value, key);
}

/** What was read, as it is kept: small, because there are hundreds for each proxy. All are made alike, which makes them quick to read. */
interface Read {
  /** Undefined where a form is kept in its place. */
  readonly value: unknown;
  readonly form: { readonly isMap: boolean; readonly keys: readonly unknown[] | undefined } | undefined;
  /** A list that is tracked. */
  readonly isList: boolean;
  /** Its keys were listed, or their number was read: then they count as well. */
  readonly listed: boolean;
  /** What was read of it, under these names. */
  readonly names: readonly unknown[];
  readonly parts: readonly Read[];
}

const nothing: readonly never[] = [];

function stillReads({ value, form, isList, listed, names, parts }: Read, next: unknown, same: Same): boolean {
  if (form !== undefined) {
    if (!isOpen(next) || next instanceof Map !== form.isMap) return false;
    if (form.keys !== undefined && !sameList(form.keys, [...keysOf(next)])) return false;
  } else {
    if (value === next) return true;
    if (isList && Array.isArray(value)) {
      if (!Array.isArray(next) || next.length !== value.length) return false;
    } else {
      if (!isOpen(value)) return same(value, next);
      if (!isOpen(next) || value instanceof Map !== next instanceof Map) return false;
      if (listed && !sameList([...keysOf(value)], [...keysOf(next)])) return false;
    }
  }
  return parts.every((part, index) => stillReads(part, partOf(next, names[index]), same));
}

/** A value that is being read, and what is read of it. */
class Node {
  #value: unknown;
  readonly #lists: ReadonlySet<unknown>;
  /** A list that is tracked. */
  readonly #isList: boolean;
  readonly #depth: number;
  #parts: Map<unknown, Node> | undefined;
  #listed = false;
  #view: unknown;
  #sealed = false;

  constructor(value: unknown, lists: ReadonlySet<unknown>, mayBeList: boolean, depth: number) {
    this.#value = value;
    this.#lists = lists;
    this.#isList = mayBeList && Array.isArray(value);
    this.#depth = depth;
  }

  /** What the computation is given in its place. */
  seen(): unknown {
    if (this.#isList && Array.isArray(this.#value)) {
      this.#listed = true;
      this.#view ??= this.#value.map((item, index) => this.part(index, item));
      return this.#view;
    }
    if (!isOpen(this.#value)) return this.#value;
    this.#view ??= this.#value instanceof Map ? new MapView(this.#value, this) : objectView(this.#value, this);
    return this.#view;
  }

  part(key: unknown, value: unknown): unknown {
    if (this.#sealed) return value;
    this.#parts ??= new Map();
    const there = this.#parts.get(key);
    if (there !== undefined) return there.seen();
    const fresh = new Node(value, this.#lists, this.#lists.has(key), this.#depth + 1);
    this.#parts.set(key, fresh);
    return fresh.seen();
  }

  list(): void {
    if (!this.#sealed) this.#listed = true;
  }

  /** Reads that happen later (in a result that is computed on request) are not tracked, and nothing of the views is kept. */
  seal(path: string, paths: string[]): Read {
    const [value, parts, isDeep] = [this.#value, this.#parts, this.#depth >= pathDepth];
    this.#sealed = true;
    this.#view = this.#value = this.#parts = undefined;
    if (this.#depth <= pathDepth && (this.#listed || parts === undefined || isDeep)) paths.push(path);
    const [isList, listed] = [this.#isList, this.#listed];
    if (parts === undefined) return { value, form: undefined, isList, listed, names: nothing, parts: nothing };
    const names: unknown[] = [];
    const read: Read[] = [];
    for (const [key, part] of parts) {
      names.push(key);
      read.push(part.seal(isDeep ? '' : below(path, key), paths));
    }
    if (this.#depth >= keptDepth || isList || !isOpen(value)) {
      return { value, form: undefined, isList, listed, names, parts: read };
    }
    const form = { isMap: value instanceof Map, keys: listed ? [...keysOf(value)] : undefined };
    return { value: undefined, form, isList, listed, names, parts: read };
  }
}

class MapView implements ReadonlyMap<unknown, unknown> {
  readonly #map: ReadonlyMap<unknown, unknown>;
  readonly #node: Node;

  constructor(map: ReadonlyMap<unknown, unknown>, node: Node) {
    this.#map = map;
    this.#node = node;
  }

  get size(): number {
    this.#node.list();
    return this.#map.size;
  }

  get(key: unknown): unknown {
    return this.#node.part(key, this.#map.get(key));
  }

  has(key: unknown): boolean {
    return this.get(key) !== undefined || this.#map.has(key);
  }

  keys(): MapIterator<unknown> {
    this.#node.list();
    return this.#map.keys();
  }

  *entries(): MapIterator<[unknown, unknown]> {
    for (const key of this.keys()) yield [key, this.get(key)];
  }

  *values(): MapIterator<unknown> {
    for (const key of this.keys()) yield this.get(key);
  }

  [Symbol.iterator](): MapIterator<[unknown, unknown]> {
    return this.entries();
  }

  forEach(each: (value: unknown, key: unknown, map: ReadonlyMap<unknown, unknown>) => void): void {
    for (const [key, value] of this) each(value, key, this);
  }
}

function objectView(object: object, node: Node): object {
  return new Proxy(object, {
    get: (target, key) => node.part(key, Reflect.get(target, key)),
    has(target, key) {
      node.part(key, Reflect.get(target, key));
      return Reflect.has(target, key);
    },
    ownKeys(target) {
      node.list();
      return Reflect.ownKeys(target);
    },
  });
}

function isOpen(value: unknown): value is object {
  if (value instanceof Map) return true;
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function partOf(value: unknown, key: unknown): unknown {
  if (value instanceof Map) return value.get(key);
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return typeof key === 'number' ? value[key] : undefined;
  return typeof key === 'string' || typeof key === 'symbol' ? Reflect.get(value, key) : undefined;
}

/** In the same order. */
function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
