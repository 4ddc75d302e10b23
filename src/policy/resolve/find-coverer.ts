// Which of many rules covers another, without comparing every pair: hundreds of policies that each name one path are common, and an edit of
// one of them should not wait for that.

import type { OperationIr, RuleIr } from '../authorization-ir.ts';
import { covers } from '../decide/rule-coverage.ts';

type Rule = Pick<RuleIr, 'principals' | 'operations'>;

/**
 * Returns the index of the first rule before `end` that covers another, -1 if none does. A rule with only exact paths covers none that does
 * not name one of them: it is looked up by these.
 */
export function findCoverer(rules: readonly Rule[]): (narrow: Rule, end: number) => number {
  const anyPath: number[] = [];
  const byPath = new Map<string, number[]>();
  for (const [index, { operations }] of rules.entries()) {
    const paths = new Set(operations.map(exactPath));
    if (paths.size === 0 || paths.has(undefined)) anyPath.push(index);
    else for (const path of paths) if (path !== undefined) push(byPath, path, index);
  }
  const coversAt = (index: number, narrow: Rule): boolean => {
    const wide = rules[index];
    return wide !== undefined && covers(wide, narrow);
  };
  return (narrow, end) => {
    const [first] = narrow.operations;
    const path = first === undefined ? undefined : exactPath(first);
    const near = path === undefined ? [] : (byPath.get(path) ?? []);
    const found = [anyPath, near].flatMap((list) => {
      const index = list.find((one) => one < end && coversAt(one, narrow));
      return index === undefined ? [] : [index];
    });
    return found.length === 0 ? -1 : Math.min(...found);
  };
}

function exactPath({ path }: OperationIr): string | undefined {
  return path?.kind === 'exact' ? path.path : undefined;
}

function push(lists: Map<string, number[]>, key: string, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
