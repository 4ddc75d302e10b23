// Reads the table of rooms from docs/architecture.md: the page that people read is the rule that the test enforces.
export interface Room {
  readonly name: string;
  readonly rooms: readonly AllowedRoom[];
  readonly packages: readonly AllowedPackage[];
  /** The composition root: may import every room. */
  readonly everything: boolean;
}

export interface AllowedRoom {
  readonly room: string;
  /** Only this file of the room, relative to it; undefined: all of it. */
  readonly file: string | undefined;
  readonly typesOnly: boolean;
}

export interface AllowedPackage {
  readonly name: string;
  readonly oneFile: boolean;
}

const row = /^\| `([^`]+)` \|[^|]*\|([^|]*)\|([^|]*)\|$/gm;

/** The rows of the table under the heading "Rooms". */
export function roomsTable(page: string): readonly Room[] {
  const start = page.indexOf('\n## Rooms');
  if (start < 0) throw new Error('docs/architecture.md has no heading "## Rooms"');
  const end = page.indexOf('\n## ', start + 1);
  const section = page.slice(start, end < 0 ? undefined : end);
  return [...section.matchAll(row)].map(([, name = '', rooms = '', packages = '']) => ({
    name,
    everything: rooms.trim() === 'all',
    rooms: [...rooms.matchAll(/`([^`/]+)(?:\/([^`]+))?`( \(types\))?/g)].map(([, room = '', file, types]) => ({
      room,
      file,
      typesOnly: types !== undefined,
    })),
    packages: [...packages.matchAll(/`([^`]+)`( \(one file\))?/g)].map(([, name = '', oneFile]) => ({
      name,
      oneFile: oneFile !== undefined,
    })),
  }));
}
