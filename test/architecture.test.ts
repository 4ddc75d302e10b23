// Holds the architecture: docs/architecture.md's table of rooms against every import of src/, and the habits that no
// linter knows. A failure names the file and line; change the code, or the table and its reasons.
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type AllowedRoom, type Room, roomsTable } from './support/rooms-table.ts';
import { projectRoot, type SourceFile, sourceFiles } from './support/source-files.ts';
import { sourceImports } from './support/source-imports.ts';

const longest = 260;
const widest = 140;
/** Under so many lines a file is not worth its own, if the one that reads it stays under the other number. */
const [smallest, comfortable] = [25, 200];
const rooms = roomsTable(readFileSync(join(projectRoot, 'docs/architecture.md'), 'utf8'));
const roomByName = new Map(rooms.map((room) => [room.name, room]));
const sources = sourceFiles(['src'], ['.ts']);

/** `src/store/redis.ts` → `store`; a file directly in src is a room of its own: `main.ts`. */
function roomOf(path: string): string {
  return path.split('/')[1] ?? path;
}

/** `fastify/types` → `fastify`, `@grpc/grpc-js/build` → `@grpc/grpc-js`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Why `file` may not import `specifier`; undefined when it may. */
function refusal(room: Room, file: SourceFile, specifier: string, typeOnly: boolean): string | undefined {
  if (room.everything) return undefined;
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(file.path), specifier));
    if (!target.startsWith('src/')) return 'leaves src/';
    const targetRoom = roomOf(target);
    if (targetRoom === room.name) return undefined;
    const within = target.slice(`src/${targetRoom}/`.length);
    const allowed = room.rooms.filter((entry) => entry.room === targetRoom);
    if (allowed.length === 0) return `${room.name} may not import ${targetRoom}`;
    const fits = allowed.some(
      (entry) => (entry.file === undefined || entry.file === within) && (!entry.typesOnly || typeOnly),
    );
    return fits ? undefined : `${room.name} may import only a part of ${targetRoom} (a file, or types)`;
  }
  if (specifier.startsWith('#gen/'))
    return room.rooms.some((entry) => entry.room === 'gen') ? undefined : `${room.name} may not import gen`;
  if (specifier.startsWith('node:') && specifier !== 'node:sqlite') return undefined;
  const name = packageOf(specifier);
  return room.packages.some((entry) => entry.name === name) ? undefined : `${room.name} may not import ${name}`;
}

describe('the table of rooms', () => {
  it('names every room there is, and no other', () => {
    const present = new Set(sources.map(({ path }) => roomOf(path)));
    expect([...present].filter((name) => !roomByName.has(name))).toEqual([]);
    expect(rooms.map(({ name }) => name).filter((name) => !present.has(name))).toEqual([]);
  });

  it('has no cycles: what a room imports never leads back to it', () => {
    const visit = (name: string, trail: readonly string[]): readonly string[][] => {
      if (trail.includes(name)) return [[...trail.slice(trail.indexOf(name)), name]];
      const next = roomByName.get(name)?.rooms.filter((entry) => !entry.typesOnly) ?? [];
      return next.flatMap(({ room }) => visit(room, [...trail, name]));
    };
    expect(rooms.flatMap(({ name }) => visit(name, [])).map((cycle) => cycle.join(' → '))).toEqual([]);
  });

  it('is kept by every import', () => {
    const violations = sources.flatMap((file) => {
      const room = roomByName.get(roomOf(file.path));
      if (room === undefined) return [];
      return sourceImports(file.text).flatMap(({ specifier, typeOnly, line }) => {
        const why = refusal(room, file, specifier, typeOnly);
        return why === undefined ? [] : [`${file.path}:${line}: ${why} ('${specifier}')`];
      });
    });
    expect(violations).toEqual([]);
  });

  it('allows no more than is used', () => {
    const unused = rooms
      .filter((room) => !room.everything)
      .flatMap((room) => {
        const imports = sources
          .filter(({ path }) => roomOf(path) === room.name)
          .flatMap((file) =>
            sourceImports(file.text).map(({ specifier, typeOnly }) => ({
              typeOnly,
              target: specifier.startsWith('.') ? normalize(join(dirname(file.path), specifier)) : specifier,
            })),
          );
        const used = ({ room: name, file, typesOnly }: AllowedRoom): boolean =>
          imports.some(({ target, typeOnly }) =>
            name === 'gen'
              ? target.startsWith('#gen/')
              : // An allowance for values that only types are imported by is too wide, too.
                (typesOnly || !typeOnly) &&
                target.startsWith(`src/${name}/`) &&
                (file === undefined || target.endsWith(`/${file}`)),
          );
        const names = room.rooms.filter((entry) => !used(entry)).map((entry) => entry.file ?? entry.room);
        const packages = room.packages.filter(({ name }) => !imports.some(({ target }) => packageOf(target) === name));
        return [...names, ...packages.map(({ name }) => name)].map((name) => `${room.name}: ${name}`);
      });
    expect(unused).toEqual([]);
  });

  it('keeps a package that belongs to one file in one file', () => {
    const violations = rooms.flatMap((room) =>
      room.packages
        .filter((entry) => entry.oneFile)
        .flatMap(({ name }) => {
          const users = sources.filter(
            ({ path, text }) =>
              roomOf(path) === room.name && sourceImports(text).some(({ specifier }) => packageOf(specifier) === name),
          );
          return users.length > 1 ? [`${name}: ${users.map(({ path }) => path).join(', ')}`] : [];
        }),
    );
    expect(violations).toEqual([]);
  });
});

describe('what puts the parts together (src/serve)', () => {
  it('names nothing before its `const`, not even where it is only called later', () => {
    expect(sources.filter(({ path }) => roomOf(path) === 'serve').flatMap(usesBeforeConst)).toEqual([]);
  });

  it('is held by a check that finds such a use', () => {
    const text = "export function a(): void {\n  const b = { c: () => c.d() };\n  const c = 'c';\n  use(b, c);\n}\n";
    expect(usesBeforeConst({ path: 'src/serve/a.ts', text })).toEqual(['src/serve/a.ts:2: c']);
  });
});

describe('the sources', () => {
  it('import without cycles between files, not even of types', () => {
    const graph = new Map(
      sources.map(({ path, text }) => [
        path,
        sourceImports(text)
          .filter(({ specifier }) => specifier.startsWith('.'))
          .map(({ specifier }) => normalize(join(dirname(path), specifier))),
      ]),
    );
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      if (done.has(path) || trail.includes(path)) return;
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const path of graph.keys()) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it('have no barrels', () => {
    const barrels = sources.filter(({ path, text }) => path.endsWith('/index.ts') || /^export \* from/m.test(text));
    expect(barrels.map(({ path }) => path)).toEqual([]);
  });

  it(`are at most ${longest} lines each`, () => {
    const all = [...sources, ...sourceFiles(['demo', 'scripts'], ['.ts', '.cjs'])];
    const long = all.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
    expect(long.filter(({ lines }) => lines > longest)).toEqual([]);
  });

  it(`hold what would fit: a file under ${smallest} lines that one other imports is in that one`, () => {
    const lengthOf = new Map(sources.map(({ path, text }) => [path, text.split('\n').length - 1]));
    const readersOf = (files: readonly SourceFile[]): ReadonlyMap<string, ReadonlySet<SourceFile>> => {
      const readers = new Map<string, Set<SourceFile>>();
      for (const file of files) {
        for (const { specifier } of sourceImports(file.text)) {
          const path = normalize(join(dirname(file.path), specifier));
          readers.set(path, (readers.get(path) ?? new Set()).add(file));
        }
      }
      return readers;
    };
    const readers = readersOf(sources);
    const tested = readersOf(sourceFiles(['test', 'scripts', 'bench'], ['.ts']));
    const fits = sources.filter(({ path }) => {
      const [reader, another] = readers.get(path) ?? [];
      const length = lengthOf.get(path) ?? 0;
      if (reader === undefined || another !== undefined || length >= smallest) return false;
      // A catalog, what is in one, and a room of one file are files by what they are.
      if (/\/catalog\.ts$|\/commands\/|^src\/\w+\.ts$/.test(path) || reader.path.endsWith('/catalog.ts')) return false;
      // What is loaded only when it is needed, or is tested by itself, is one as well.
      if (reader.text.includes(`import('./${path.split('/').at(-1)}')`) || tested.has(path)) return false;
      return length + (lengthOf.get(reader.path) ?? 0) <= comfortable;
    });
    expect(fits.map(({ path }) => path)).toEqual([]);
  });

  it(`have no line over ${widest} characters`, () => {
    const all = [...sources, ...sourceFiles(['test', 'demo', 'scripts', 'bench', 'deploy'], ['.ts', '.cjs'])];
    expect(all.flatMap(longLines)).toEqual([]);
  });

  it('say first what they are for', () => {
    expect(sources.filter(({ text }) => !text.startsWith('// ')).map(({ path }) => path)).toEqual([]);
  });

  it('silence no checker', () => {
    const silencers = /@ts-(ignore|expect-error|nocheck)|biome-ignore(?!.*: \S)/;
    expect(lines(sources, silencers)).toEqual([]);
  });

  it('leave the environment, the arguments and the console to the edges', () => {
    const edges = new Set(['main.ts', 'config.ts']);
    const inner = sources.filter(({ path }) => !edges.has(roomOf(path)));
    expect(lines(inner, /\bprocess\.(env|argv)\b/)).toEqual([]);
    expect(
      lines(
        inner.filter(({ path }) => roomOf(path) !== 'cli'),
        /\bconsole\./,
      ),
    ).toEqual([]);
  });

  it('name no path of somebody’s machine', () => {
    const all = sourceFiles(
      ['src', 'test', 'demo', 'scripts', 'docs', 'deploy', 'examples', 'envoy', '.ci'],
      ['.ts', '.cjs', '.md', '.yaml', '.yml', '.sh', 'run'],
    );
    expect(lines(all, /(?<![\w.$}-])\/(home|root|work|Users)\/\w/)).toEqual([]);
  });
});

/** `path:line: name` wherever a function names what a `const` of its own body binds further down. */
function usesBeforeConst({ path, text }: SourceFile): readonly string[] {
  const code = text.split('\n').map((line) =>
    line
      .replace(/\/\/ .*$|^\s*\/?\*.*$/, '')
      .replaceAll(/'(?:[^'\\]|\\.)*'/g, "''")
      .replaceAll(/`[^`]*`/g, (text) => (text.match(/\$\{[^}]*\}/g) ?? []).join(' ')),
  );
  return code.flatMap((line, index) => {
    const [, indent, names] = /^( {2,4})(?:const|let) (\w+|\{.*\}|\[.*\]) =/.exec(line) ?? [];
    if (indent === undefined || names === undefined) return [];
    // The block that it is in begins at the last line that is indented less.
    const begin = code.findLastIndex((above, at) => at < index && above !== '' && !above.startsWith(indent));
    const bound = [...names.matchAll(/\w+(?=\s*(?:[,}\]=]|$))/g)].map(([name]) => name);
    return bound.flatMap((name) =>
      // Not a member, nor the key of a property.
      code.flatMap((above, at) =>
        at >= begin && at < index && new RegExp(`(?<![\\w.?]|\\.\\.\\. )${name}(?![\\w:]|\\?:)`).test(above)
          ? [`${path}:${at + 1}: ${name}`]
          : [],
      ),
    );
  });
}

/** `path:line` of every line that is too long. An import is as long as its path, and a text that spans lines as long as what it says. */
function longLines({ path, text }: SourceFile): readonly string[] {
  let within = false;
  return text.split('\n').flatMap((line, index) => {
    const began = within;
    // Of what opens here and is still open at the end of the line; backticks within quotes and comments open nothing.
    const code = within || /^\s*(\/\/|\/?\*)/.test(line) ? line : line.replaceAll(/'(?:[^'\\]|\\.)*'|\/\/ .*$/g, '');
    const backticks = /^\s*(\/\/|\/?\*)/.test(line) && !within ? 0 : (code.match(/(?<!\\)`/g)?.length ?? 0);
    if (backticks % 2 === 1) within = !within;
    const free = began || within || /^(import|export|\} from) .*'.+';$/.test(line);
    return line.length <= widest || free ? [] : [`${path}:${index + 1}`];
  });
}

/** `path:line: text` of every line that matches, comments included. */
function lines(files: readonly SourceFile[], pattern: RegExp): readonly string[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}
