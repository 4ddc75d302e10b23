// A table of any length, of which only the rows in sight are in the document: sortable by its columns, filtered by what is typed.
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { windowOf } from './virtual.ts';

export interface Column<T> {
  readonly name: string;
  readonly cell: (row: T) => ComponentChildren;
  /** What it is sorted by. Absent: it cannot be. */
  readonly by?: (row: T) => string | number;
  /** Right-aligned figures. */
  readonly figures?: true;
  /** Left out on narrow screens. */
  readonly wideOnly?: true;
}

export interface TableProps<T> {
  /** For screen readers: what the table is of. */
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly keyOf: (row: T) => string;
  /** By which column at first. */
  readonly sortedBy?: string;
  readonly descending?: boolean;
  /** Said of a table without rows. */
  readonly empty: string;
}

const rowPx = 36;

export function Table<T>({ label, rows, columns, keyOf, empty, ...first }: TableProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [sort, setSort] = useState({ name: first.sortedBy, down: first.descending === true });
  const [view, setView] = useState({ top: 0, height: 600 });
  const sorted = useMemo(() => sortRows(rows, columns, sort), [rows, columns, sort]);

  useEffect(() => {
    const found = box.current;
    if (found === null) return;
    const look = (): void => setView({ top: found.scrollTop, height: found.clientHeight });
    look();
    const size = new ResizeObserver(look);
    size.observe(found);
    found.addEventListener('scroll', look, { passive: true });
    return () => {
      size.disconnect();
      found.removeEventListener('scroll', look);
    };
  }, []);

  const { from, to, above, below } = windowOf(sorted.length, rowPx, view.top, view.height);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="table" ref={box} tabIndex={0} aria-label={label}>
      <table aria-rowcount={sorted.length + 1}>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head
                key={column.name}
                column={column}
                down={sort.name === column.name ? sort.down : undefined}
                onSort={(down) => setSort({ name: column.name, down })}
              />
            ))}
          </tr>
        </thead>
        <tbody>
          <Space px={above} />
          {sorted.slice(from, to).map((row, index) => (
            <tr key={keyOf(row)} aria-rowindex={from + index + 2}>
              {columns.map((column) => (
                <td key={column.name} class={classOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
          <Space px={below} />
        </tbody>
      </table>
      {sorted.length === 0 ? <p class="quiet pad">{empty}</p> : null}
    </section>
  );
}

function Head<T>({
  column,
  down,
  onSort,
}: {
  readonly column: Column<T>;
  /** Undefined: not sorted by it. */
  readonly down: boolean | undefined;
  readonly onSort: (down: boolean) => void;
}) {
  if (column.by === undefined) {
    return (
      <th scope="col" class={classOf(column)}>
        {column.name}
      </th>
    );
  }
  const sorted = down === undefined ? 'none' : down ? 'descending' : 'ascending';
  return (
    <th scope="col" class={classOf(column)} aria-sort={sorted}>
      <button type="button" class="sort" onClick={() => onSort(down === false)}>
        {column.name}
        <span aria-hidden="true">{down === undefined ? '' : down ? ' ↓' : ' ↑'}</span>
      </button>
    </th>
  );
}

function Space({ px }: { readonly px: number }) {
  // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it can have the focus.
  return px === 0 ? null : <tr aria-hidden="true" class="space" style={{ height: `${px}px` }} />;
}

function classOf<T>({ figures, wideOnly }: Column<T>): string {
  return `${figures === true ? 'figures' : ''}${wideOnly === true ? ' wide' : ''}`;
}

function sortRows<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  { name, down }: { readonly name: string | undefined; readonly down: boolean },
): readonly T[] {
  const by = columns.find((column) => column.name === name)?.by;
  if (by === undefined) return rows;
  const keyed = rows.map((row) => ({ row, key: by(row) }));
  keyed.sort((a, b) => (a.key === b.key ? 0 : a.key < b.key === !down ? -1 : 1));
  return keyed.map(({ row }) => row);
}
