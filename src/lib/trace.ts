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
  root.seal('', paths);
  return { value, paths, holds: (next) => root.holds(next, same) };
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

/** A value that was read, and what was read of it. */
class Node {
  #value: unknown;
  readonly #lists: ReadonlySet<unknown>;
  /** A list that is tracked. */
  readonly #isList: boolean;
  readonly #depth: number;
  #parts: Map<unknown, Node> | undefined;
  /** Its keys were listed, or their number was read: then they count as well. */
  #listed = false;
  #view: unknown;
  #sealed = false;
  /** In place of the value, if that is not kept. */
  #form: { readonly isMap: boolean; readonly keys: readonly unknown[] | undefined } | undefined;

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
    const there = this.#parts.get(key) ?? new Node(value, this.#lists, this.#lists.has(key), this.#depth + 1);
    this.#parts.set(key, there);
    return there.seen();
  }

  list(): void {
    if (!this.#sealed) this.#listed = true;
  }

  /** Reads that happen later (in a result that is computed on request) are not tracked, and nothing of the views is kept. */
  seal(path: string, paths: string[]): void {
    this.#sealed = true;
    this.#view = undefined;
    const value = this.#value;
    if (this.#listed || this.#parts === undefined || this.#depth === pathDepth) {
      if (this.#depth <= pathDepth) paths.push(path);
    }
    for (const [key, part] of this.#parts ?? []) part.seal(this.#depth < pathDepth ? below(path, key) : '', paths);
    if (this.#depth >= keptDepth || this.#isList || !isOpen(value) || this.#parts === undefined) return;
    this.#form = { isMap: value instanceof Map, keys: this.#listed ? [...keysOf(value)] : undefined };
    this.#value = undefined;
  }

  holds(next: unknown, same: Same): boolean {
    if (this.#form !== undefined) {
      const { isMap, keys } = this.#form;
      if (!isOpen(next) || next instanceof Map !== isMap) return false;
      return (keys === undefined || sameList(keys, [...keysOf(next)])) && this.#partsHold(next, same);
    }
    const value = this.#value;
    if (value === next) return true;
    if (this.#isList && Array.isArray(value)) {
      if (!Array.isArray(next) || next.length !== value.length) return false;
      return value.every((_, index) => this.#parts?.get(index)?.holds(next[index], same) ?? true);
    }
    if (!isOpen(value) || !isOpen(next) || value instanceof Map !== next instanceof Map) {
      return !isOpen(value) && same(value, next);
    }
    if (this.#listed && !sameList([...keysOf(value)], [...keysOf(next)])) return false;
    return this.#partsHold(next, same);
  }

  #partsHold(next: object, same: Same): boolean {
    for (const [key, part] of this.#parts ?? []) if (!part.holds(partOf(next, key), same)) return false;
    return true;
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

function partOf(value: object, key: unknown): unknown {
  if (value instanceof Map) return value.get(key);
  return typeof key === 'string' || typeof key === 'symbol' ? Reflect.get(value, key) : undefined;
}

/** In the same order. */
function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
