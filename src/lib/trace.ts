// Records what a computation read of its inputs, so that its result can be reused as long as the same reads give the same results: nobody
// lists dependencies by hand, and nobody can forget one. Inputs are readonly data: plain objects and maps are tracked as far as they are
// read, and lists of objects on request; everything else (texts, numbers, other lists, sets) is one value.

export type Same = (a: unknown, b: unknown) => boolean;

export interface Traced<T> {
  readonly value: T;
  /** Whether `make` would have read the same from these inputs, and so would have the same result. */
  holds(inputs: object): boolean;
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
  const root = new Node(inputs, lists, false);
  const value = make(root.seen() as I);
  root.seal();
  return { value, holds: (next) => root.holds(next, same) };
}

/** A value that was read, and what was read of it. */
class Node {
  readonly #value: unknown;
  readonly #lists: ReadonlySet<unknown>;
  /** A list that is tracked. */
  readonly #isList: boolean;
  #parts: Map<unknown, Node> | undefined;
  /** Its keys were listed, or their number was read: then they count as well. */
  #listed = false;
  #view: unknown;
  #sealed = false;

  constructor(value: unknown, lists: ReadonlySet<unknown>, mayBeList: boolean) {
    this.#value = value;
    this.#lists = lists;
    this.#isList = mayBeList && Array.isArray(value);
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
    const there = this.#parts.get(key) ?? new Node(value, this.#lists, this.#lists.has(key));
    this.#parts.set(key, there);
    return there.seen();
  }

  list(): void {
    if (!this.#sealed) this.#listed = true;
  }

  /** Reads that happen later (in a result that is computed on request) are not tracked, and nothing of the views is kept. */
  seal(): void {
    this.#sealed = true;
    this.#view = undefined;
    for (const part of this.#parts?.values() ?? []) part.seal();
  }

  holds(next: unknown, same: Same): boolean {
    const value = this.#value;
    if (value === next) return true;
    if (this.#isList && Array.isArray(value)) {
      if (!Array.isArray(next) || next.length !== value.length) return false;
      return value.every((_, index) => this.#parts?.get(index)?.holds(next[index], same) ?? true);
    }
    if (!isOpen(value) || !isOpen(next) || value instanceof Map !== next instanceof Map) {
      return !isOpen(value) && same(value, next);
    }
    if (this.#listed && !sameKeys(value, next)) return false;
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
function sameKeys(a: object, b: object): boolean {
  const [one, other] = [a, b].map((value) => (value instanceof Map ? [...value.keys()] : Reflect.ownKeys(value)));
  return one?.length === other?.length && (one ?? []).every((key, index) => key === other?.[index]);
}
