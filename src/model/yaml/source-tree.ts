// A YAML document as plain data, each value with the offsets of itself and its key.
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import type { FieldPath } from '../field-path.ts';

export interface SourceTree {
  readonly value: unknown;
  /** In the file, in UTF-16 units; so is `keyOffset`. */
  readonly offset: number;
  readonly keyOffset: number;
  readonly children: ReadonlyMap<string | number, SourceTree>;
}

/** Reported at an offset in the file; the reader turns it into a Problem. */
export type Complain = (code: string, message: string, offset: number, hint?: string) => void;

const maxDepth = 32;
const dangerousKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
/** Every document has each of them once. */
const startsDocument: ReadonlySet<string> = new Set(['apiVersion', 'kind']);
const noChildren: ReadonlyMap<string | number, SourceTree> = new Map();

/** Plain data from a YAML node. What plain data cannot express (aliases, tags, keys that are not text) is refused. */
export function toTree(node: unknown, complain: Complain, offset = 0, keyOffset = offset, depth = 0): SourceTree {
  if (node === null || node === undefined) return { value: null, offset, keyOffset, children: noChildren };
  if (isAlias(node)) {
    const at = node.range?.[0] ?? offset;
    complain('yaml-alias', `aliases (*${node.source}) are not allowed`, at, 'write the value out');
    return { value: null, offset: at, keyOffset, children: noChildren };
  }
  if (!isMap(node) && !isSeq(node) && !isScalar(node)) return { value: null, offset, keyOffset, children: noChildren };
  const at = node.range?.[0] ?? offset;
  if (node.anchor !== undefined) {
    complain('yaml-alias', `anchors (&${node.anchor}) are not allowed`, at, 'write the value out where it is used');
  }
  if (depth > maxDepth) {
    complain('yaml-depth', `nested deeper than ${maxDepth} levels`, at);
    return { value: null, offset: at, keyOffset, children: noChildren };
  }
  if (isScalar(node)) return { value: plainScalar(node, complain, at), offset: at, keyOffset, children: noChildren };
  return isSeq(node)
    ? sequence(node.items, complain, at, keyOffset, depth)
    : mapping(node.items, complain, at, keyOffset, depth);
}

function plainScalar(node: Node & { readonly value: unknown }, complain: Complain, offset: number): unknown {
  const { value } = node;
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') {
    return value;
  }
  complain('yaml-value', 'not plain text, a number, true, false or null', offset);
  return null;
}

function sequence(items: readonly unknown[], complain: Complain, offset: number, keyOffset: number, depth: number) {
  const children = new Map<string | number, SourceTree>();
  const value: unknown[] = [];
  for (const [index, item] of items.entries()) {
    const child = toTree(item, complain, offset, undefined, depth + 1);
    children.set(index, child);
    value.push(child.value);
  }
  return { value, offset, keyOffset, children };
}

function mapping(items: readonly Pair[], complain: Complain, offset: number, keyOffset: number, depth: number) {
  const children = new Map<string | number, SourceTree>();
  const value: Record<string, unknown> = {};
  for (const pair of items) {
    const at = isScalar(pair.key) || isMap(pair.key) || isSeq(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
    const key = keyText(pair.key, complain, at);
    if (key === undefined) continue;
    if (dangerousKeys.has(key)) {
      complain('forbidden-key', `the key "${key}" is not allowed`, at);
    } else if (depth === 0 && startsDocument.has(key) && children.has(key)) {
      // Two documents in one: what follows belongs to the second, and is reported once.
      complain('missing-separator', 'a second document begins here', at, 'put a line "---" before it');
      break;
    } else if (children.has(key)) {
      complain('duplicate-key', `"${clip(key)}" is written twice`, at, 'keep one of them');
    } else {
      const child = toTree(pair.value, complain, at, at, depth + 1);
      children.set(key, child);
      value[key] = child.value;
    }
  }
  return { value, offset, keyOffset, children };
}

/** A key's text as it is written: `1:` and `true:` are the keys "1" and "true". */
function keyText(key: unknown, complain: Complain, offset: number): string | undefined {
  if (isScalar(key) && key.anchor !== undefined) complain('yaml-alias', 'anchors are not allowed', offset);
  if (isScalar(key) && (typeof key.value === 'string' || key.source !== undefined)) {
    return typeof key.value === 'string' ? key.value : key.source;
  }
  complain('yaml-key', 'a key must be plain text', offset);
  return undefined;
}

function clip(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}

/** The deepest node on the way to `path` that is present, and whether that is the whole way. */
export function nearest(tree: SourceTree, path: FieldPath): { readonly node: SourceTree; readonly whole: boolean } {
  let node = tree;
  for (const part of path) {
    const child = node.children.get(part);
    if (child === undefined) return { node, whole: false };
    node = child;
  }
  return { node, whole: true };
}
