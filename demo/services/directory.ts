// What the stand-in Topology Service knows: two cells, and to which of them a request belongs.
export interface ClassifyRequest {
  readonly type?: string;
  readonly value?: string;
}

const cells = [
  { id: '1', address: 'cell-1.gitlab.test', session_prefix: 'cell-1' },
  { id: '2', address: 'cell-2.gitlab.test', session_prefix: 'cell-2' },
] as const;

export type CellInfo = (typeof cells)[number];

export function allCells(): readonly CellInfo[] {
  return cells;
}

export function cellById(id: string): CellInfo | undefined {
  return cells.find((cell) => cell.id === id);
}

/** The address of the cell; undefined when none fits. */
export function classify({ type = 'UNSPECIFIED', value = '' }: ClassifyRequest): string | undefined {
  switch (type) {
    case 'FIRST_CELL':
      return cells[0].address;
    case 'SESSION_PREFIX':
      return cells.find(({ session_prefix }) => session_prefix === value)?.address;
    case 'CELL_ID':
      return cellById(value)?.address;
    default:
      return undefined;
  }
}
