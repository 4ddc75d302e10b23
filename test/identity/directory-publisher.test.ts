// The folder that bundles are published to, as others may leave it: links, pipes, folders, what is too large; a disk that is full.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDirectoryPublisher } from '../../src/identity/publisher/directory.ts';
import type { Publisher } from '../../src/identity/publisher/publisher.ts';
import { formatSpiffeBundle } from '../../src/identity/spiffe-bundle.ts';
import type { TrustBundle } from '../../src/identity/trust-bundle.ts';
import { figure } from '../support/figure.ts';
import { bundleOf } from '../support/trust-bundles.ts';

const { signal } = new AbortController();
let parent: string;
let folder: string;
let publisher: Publisher;
let bundle: TrustBundle;

beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), 'cellwall-folder-'));
  folder = join(parent, 'trust');
  publisher = createDirectoryPublisher(folder);
  bundle = await bundleOf(3, 'a', 'b');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const path = (name: string) => join(folder, name);
const publish = (one = bundle) => publisher.publish(one, signal);
const confirm = (one = bundle) => publisher.confirm(one, signal);
const modeOf = (name: string) => statSync(name).mode & 0o777;

describe('what is published', () => {
  it('is PEM and the SPIFFE bundle, open to every reader whatever the umask, and nothing else', async () => {
    const before = process.umask(0o077);
    try {
      await publish();
    } finally {
      process.umask(before);
    }
    expect(readdirSync(folder).toSorted()).toEqual(['bundle.json', 'bundle.pem']);
    expect(readFileSync(path('bundle.pem'), 'utf8')).toBe(bundle.roots.join(''));
    expect(readFileSync(path('bundle.json'), 'utf8')).toBe(formatSpiffeBundle(bundle));
    expect([folder, path('bundle.pem'), path('bundle.json')].map(modeOf)).toEqual([0o755, 0o644, 0o644]);
  });

  it('is whole to whoever reads while it changes', async () => {
    const other = await bundleOf(4, 'a', 'b', 'c', 'd');
    await publish();
    const whole = new Set([bundle, other].flatMap((one) => [one.roots.join(''), formatSpiffeBundle(one)]));
    let reading = true;
    const torn: string[] = [];
    const reader = (async () => {
      while (reading) {
        for (const name of ['bundle.pem', 'bundle.json']) {
          const text = readFileSync(path(name), 'utf8');
          if (!whole.has(text)) torn.push(text);
        }
        await new Promise(setImmediate);
      }
    })();
    for (let round = 0; round < 12; round += 1) await publish(round % 2 === 0 ? other : bundle);
    reading = false;
    await reader;
    expect(torn).toEqual([]);
  });

  it('leaves what else is in the folder alone, and the mode that the folder has', async () => {
    mkdirSync(folder);
    chmodSync(folder, 0o750);
    writeFileSync(path('ours.txt'), 'ours');
    await publish();
    expect(readFileSync(path('ours.txt'), 'utf8')).toBe('ours');
    expect(modeOf(folder)).toBe(0o750);
  });

  it('of one file that is missing the other one does not make up', async () => {
    await publish();
    rmSync(path('bundle.json'));
    expect(await confirm()).toEqual({ kind: 'different', why: 'bundle.json is missing' });
  });
});

describe('in the place of a file', () => {
  const elsewhere = () => join(parent, 'elsewhere');
  const odd: readonly (readonly [what: string, put: (file: string) => void, why: string])[] = [
    [
      'a symlink to a file elsewhere',
      (file) => {
        writeFileSync(elsewhere(), 'of somebody else');
        symlinkSync(elsewhere(), file);
      },
      'is a symlink',
    ],
    [
      'a symlink to the very content',
      (file) => {
        writeFileSync(elsewhere(), bundle.roots.join(''));
        symlinkSync(elsewhere(), file);
      },
      'is a symlink',
    ],
    ['a symlink to nothing', (file) => symlinkSync(elsewhere(), file), 'is a symlink'],
    ['a symlink to itself', (file) => symlinkSync(file, file), 'is a symlink'],
    ['a pipe that nobody writes to', (file) => execFileSync('mkfifo', [file]), 'is no file'],
    [
      'a terabyte',
      (file) => {
        writeFileSync(file, '');
        truncateSync(file, 2 ** 40);
      },
      'is larger than any bundle',
    ],
    ['an empty file', (file) => writeFileSync(file, ''), 'has other content'],
    ['bytes that are no text', (file) => writeFileSync(file, Buffer.from([0xff, 0xfe, 0])), 'has other content'],
  ];

  it.each(odd)('%s is told, and replaced', async (_what, put, why) => {
    mkdirSync(folder);
    const target = () => (existsSync(elsewhere()) ? readFileSync(elsewhere(), 'utf8') : undefined);
    for (const name of ['bundle.pem', 'bundle.json']) {
      await publish();
      rmSync(path(name));
      rmSync(elsewhere(), { force: true });
      put(path(name));
      const content = target();
      expect(await confirm()).toEqual({ kind: 'different', why: `${name} ${why}` });
      await publish();
      expect(await confirm()).toEqual({ kind: 'confirmed' });
      expect(lstatSync(path(name)).isFile()).toBe(true);
      // What a link leads to is not touched.
      expect(target()).toBe(content);
    }
  });

  it('a folder is told, with what to do', async () => {
    mkdirSync(path('bundle.pem'), { recursive: true });
    writeFileSync(join(path('bundle.pem'), 'content'), '');
    await expect(publish()).rejects.toMatchObject({
      code: 'unavailable',
      hint: 'move away the folder that has its name',
    });
    expect(readdirSync(folder)).toEqual(['bundle.pem']);
  });
});

describe('in the place of the folder', () => {
  it('a symlink is not followed', async () => {
    mkdirSync(join(parent, 'foreign'));
    symlinkSync(join(parent, 'foreign'), folder);
    const refused = { code: 'failed_precondition', message: `${folder} is a symlink`, hint: 'name the folder itself' };
    await expect(publish()).rejects.toMatchObject(refused);
    await expect(confirm()).rejects.toMatchObject(refused);
    expect(readdirSync(join(parent, 'foreign'))).toEqual([]);
    expect(readlinkSync(folder)).toBe(join(parent, 'foreign'));
  });

  it('a file is told', async () => {
    writeFileSync(folder, '');
    await expect(publish()).rejects.toMatchObject({ message: `${folder} is no folder` });
  });

  it('nothing is made above it: a volume may not be mounted', async () => {
    publisher = createDirectoryPublisher(join(parent, 'volume', 'trust'));
    expect(await confirm()).toEqual({ kind: 'missing' });
    await expect(publish()).rejects.toMatchObject({ code: 'unavailable', hint: expect.stringContaining('mounted') });
    expect(readdirSync(parent)).toEqual([]);
  });

  it('one that every user may write to is refused, also with a sticky bit', async () => {
    mkdirSync(folder);
    for (const mode of [0o777, 0o1777, 0o757]) {
      chmodSync(folder, mode);
      await expect(publish()).rejects.toMatchObject({
        code: 'failed_precondition',
        hint: expect.stringMatching(/o-w/),
      });
      await expect(confirm()).rejects.toMatchObject({ code: 'failed_precondition' });
    }
    expect(readdirSync(folder)).toEqual([]);
    publisher = createDirectoryPublisher(path('trust'));
    await publish();
    expect(modeOf(path('trust'))).toBe(0o755);
  });
});

describe('where every user may write', () => {
  const uid = process.getuid?.() ?? 0;
  // Root can give a folder to another user; anybody else is taken for another than the one that owns it.
  const another = uid === 0 ? 65_533 : uid;
  const givesAway = (path: string): (() => void) => {
    if (uid === 0) {
      chownSync(path, another, another);
      return () => undefined;
    }
    const somebody = vi.spyOn(process, 'geteuid').mockReturnValue(another + 1);
    return () => somebody.mockRestore();
  };
  const foreign = { code: 'failed_precondition', message: expect.stringContaining(`another user (${another})`) };

  it.each([
    ['a folder that another user made first', 0o1777, 'trust'],
    ['a folder that another user put in place of ours', 0o777, 'trust'],
    ['a folder in one of another user', 0o1777, 'theirs/trust'],
  ])('%s is refused, and stays as it is', async (_what, mode, where) => {
    folder = join(parent, where);
    publisher = createDirectoryPublisher(folder);
    mkdirSync(folder, { recursive: true });
    const [theirs = ''] = where.split('/');
    chmodSync(parent, mode);
    const takesBack = givesAway(join(parent, theirs));
    await expect(publish()).rejects.toMatchObject(foreign);
    await expect(confirm()).rejects.toMatchObject(foreign);
    expect(readdirSync(folder)).toEqual([]);
    takesBack();
    // Where only its owner may write, somebody put it there on purpose.
    chmodSync(parent, 0o755);
    await publish();
    expect(await confirm()).toEqual({ kind: 'confirmed' });
  });

  it('a folder that we made stays ours', async () => {
    chmodSync(parent, 0o1777);
    await publish();
    await publish(await bundleOf(4, 'a'));
    expect((await confirm(await bundleOf(4, 'a'))).kind).toBe('confirmed');
  });
});

describe('a later bundle', () => {
  it('of the same roots stays: it is from a control plane that is ahead', async () => {
    await publish(await bundleOf(4, 'b', 'c'));
    expect(await confirm()).toEqual({ kind: 'newer', sequence: 4 });
  });

  it('of other roots is none of ours', async () => {
    await publish(await bundleOf(4, 'x', 'y'));
    expect((await confirm()).kind).toBe('different');
  });
});

it('nothing is a folder: it is refused at the start', () => {
  for (const place of ['', 'a\0b']) {
    expect(() => createDirectoryPublisher(place)).toThrowError(expect.objectContaining({ code: 'invalid_argument' }));
  }
});

const script = fileURLToPath(new URL('../support/publish-on-small-disk.ts', import.meta.url));
/** In a mount namespace of its own; of root, or of a user who may be root there. */
const mounted = 'mount --make-rprivate / && mount -t tmpfs -o size=40k,mode=755 tmpfs "$0" && exec "$@"';
const unshare = [['-m'], ['-rm']].find((flags) => {
  try {
    execFileSync('unshare', [...flags, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

it('a disk that is full, or read-only, keeps what it has, whole, and says so', { skip: unshare === undefined }, () => {
  const args = [...(unshare ?? []), 'sh', '-c', mounted, parent, process.execPath, script, parent];
  const came = JSON.parse(execFileSync('unshare', args, { encoding: 'utf8' }));
  const files = ['bundle.json', 'bundle.pem'];
  const has = (one: string, many: string) => ({ files, confirmed: { one, many } });
  const full = {
    code: 'unavailable',
    message: expect.stringContaining('(ENOSPC)'),
    hint: expect.stringMatching(/room/),
  };
  expect(came).toEqual({
    withRoom: ['published', has('confirmed', 'different')],
    full: [full, has('confirmed', 'different')],
    nearlyFull: [full, has('confirmed', 'different')],
    again: ['published', has('newer', 'confirmed')],
    readOnly: [
      { code: 'unavailable', message: expect.stringContaining('(EROFS)'), hint: expect.stringMatching(/read-only/) },
      has('newer', 'confirmed'),
      'published',
    ],
    whole: true,
  });
  figure('disks', 'full, read-only');
});
