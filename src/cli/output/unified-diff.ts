// A unified diff of two short texts (documents), by longest common subsequence. Pure.

type Edit = { readonly kind: ' ' | '-' | '+'; readonly line: string };

const context = 3;
/** Above this many comparisons the middle is shown as replaced whole. */
const maxCells = 4_000_000;

/** Empty when they are equal. */
export function unifiedDiff(name: string, before: string | undefined, after: string | undefined): string {
  const edits = compare(splitLines(before), splitLines(after));
  if (edits.every((edit) => edit.kind === ' ')) return '';
  const head = `--- ${before === undefined ? '/dev/null' : name}\n+++ ${after === undefined ? '/dev/null' : name}\n`;
  return head + hunks(edits).join('');
}

function splitLines(text: string | undefined): readonly string[] {
  const trimmed = text?.replace(/\n+$/, '');
  return trimmed === undefined || trimmed === '' ? [] : trimmed.split('\n');
}

function compare(a: readonly string[], b: readonly string[]): readonly Edit[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const same = (line: string): Edit => ({ kind: ' ', line });
  return [
    ...a.slice(0, start).map(same),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end).map(same),
  ];
}

function middle(a: readonly string[], b: readonly string[]): readonly Edit[] {
  const removed = (line: string): Edit => ({ kind: '-', line });
  const added = (line: string): Edit => ({ kind: '+', line });
  if (a.length * b.length > maxCells) return [...a.map(removed), ...b.map(added)];
  const width = b.length + 1;
  // lengths[i * width + j]: of the longest common subsequence of a[i…] and b[j…].
  const lengths = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const edits: Edit[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left = a[i];
    const right = b[j];
    if (left !== undefined && left === right) {
      edits.push({ kind: ' ', line: left });
      i++;
      j++;
    } else if (left !== undefined && (right === undefined || at(i + 1, j) >= at(i, j + 1))) {
      edits.push(removed(left));
      i++;
    } else if (right !== undefined) {
      edits.push(added(right));
      j++;
    }
  }
  return edits;
}

function hunks(edits: readonly Edit[]): readonly string[] {
  const near = edits.map((_, index) =>
    edits.slice(Math.max(0, index - context), index + context + 1).some((edit) => edit.kind !== ' '),
  );
  const found: string[] = [];
  let oldLine = 1;
  let newLine = 1;
  for (let index = 0; index < edits.length; ) {
    if (near[index] !== true) {
      oldLine++;
      newLine++;
      index++;
      continue;
    }
    let stop = index;
    while (stop < edits.length && near[stop] === true) stop++;
    const part = edits.slice(index, stop);
    const oldCount = part.filter((edit) => edit.kind !== '+').length;
    const newCount = part.filter((edit) => edit.kind !== '-').length;
    // An empty side is written as "0,0" (POSIX diff -u).
    const range = (line: number, count: number) => `${count === 0 ? line - 1 : line},${count}`;
    const body = part.map((edit) => `${edit.kind}${edit.line}\n`).join('');
    found.push(`@@ -${range(oldLine, oldCount)} +${range(newLine, newCount)} @@\n${body}`);
    oldLine += oldCount;
    newLine += newCount;
    index = stop;
  }
  return found;
}
