// npm leaves packages of other platforms out of package-lock.json when its registry does not serve them (a mirror with one
// platform's packages only), and then `npm ci` refuses the lock. This adds them, by the exact version that their dependents
// name: `node scripts/complete-lock.ts --write` after an `npm install`. A test calls `missing()`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

type Packages = Readonly<Record<string, Locked>>;

const file = join(import.meta.dirname, '../package-lock.json');
const systems = ['android', 'darwin', 'linux', 'win32', 'freebsd', 'openbsd', 'netbsd', 'openharmony', 'sunos', 'aix'];
const processors = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 's390x', 'riscv64', 'loong64', 'mips64el', 'wasm32'];

/** What the lock does not hold, by the path where npm looks for it. */
export function missing(packages: Packages): Packages {
  const found: Record<string, Locked> = {};
  for (const [path, { optionalDependencies = {}, dev = false }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      // Ranges are of packages that every registry has.
      if (!/^\d+\.\d+\.\d+/.test(version)) continue;
      const at = placeFor(path, name, version, { ...packages, ...found });
      if (at !== undefined) found[at] = { version, ...(dev ? { dev } : {}), optional: true, ...platformOf(name) };
    }
  }
  return found;
}

/** Where it has to be added; undefined when the package at `path` finds it already, going up as Node does. */
function placeFor(path: string, name: string, version: string, packages: Packages): string | undefined {
  for (let base = path; ; base = base.slice(0, Math.max(0, base.lastIndexOf('node_modules/') - 1))) {
    const place = base === '' ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    const there = packages[place];
    if (there !== undefined) return there.version === version ? undefined : `${path}/node_modules/${name}`;
    if (base === '') return place;
  }
}

/** Read off the name, as these packages are named; npm skips what is for another platform. */
function platformOf(name: string): Locked {
  const words = name.replace(/^@/, '').split(/[/_-]/);
  const os = systems.filter((system) => words.includes(system));
  const cpu = processors.filter((processor) => words.includes(processor));
  if (cpu.length === 0 && words.some((word) => /^(eabi|gnueabihf|armv7)$/.test(word))) cpu.push('arm');
  const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : [];
  return {
    ...(cpu.length > 0 ? { cpu } : {}),
    ...(os.length > 0 ? { os } : {}),
    ...(libc.length > 0 ? { libc } : {}),
  };
}

if (process.argv.includes('--write')) {
  const lock: { packages: Packages } = JSON.parse(readFileSync(file, 'utf8'));
  const all = Object.entries({ ...lock.packages, ...missing(lock.packages) });
  lock.packages = Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
}
