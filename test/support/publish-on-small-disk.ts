// A process that has a small disk of its own mounted on the folder it is given: it publishes there while the disk has room, is full, has
// room again, and is read-only. Prints what came of it, as JSON.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDirectoryPublisher } from '../../src/identity/publisher/directory.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { bundleOf } from './trust-bundles.ts';

const [, , disk = ''] = process.argv;
const folder = join(disk, 'trust');
const filler = join(disk, 'filler');
const publisher = createDirectoryPublisher(folder);
const { signal } = new AbortController();
const [one, many] = [await bundleOf(1, 'a'), await bundleOf(2, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')];

async function publish(bundle: typeof one): Promise<unknown> {
  try {
    await publisher.publish(bundle, signal);
    return 'published';
  } catch (reason) {
    const { code, message, hint } = CellwallError.from(reason);
    return { code, message, hint };
  }
}
const state = async () => ({
  files: readdirSync(folder).toSorted(),
  confirmed: { one: (await publisher.confirm(one, signal)).kind, many: (await publisher.confirm(many, signal)).kind },
});
function fill(): void {
  mkdirSync(filler);
  for (let number = 0; ; number += 1) {
    try {
      writeFileSync(join(filler, String(number)), 'x'.repeat(4096));
    } catch {
      return;
    }
  }
}
/** A page or two are left: the first file, and a part of the second. */
function leaveAPage(): void {
  const [last = ''] = readdirSync(filler).toSorted((a, b) => Number(b) - Number(a));
  rmSync(join(filler, last));
}

const withRoom = [await publish(one), await state()];
fill();
const full = [await publish(many), await state()];
leaveAPage();
const nearlyFull = [await publish(many), await state()];
rmSync(filler, { recursive: true });
const again = [await publish(many), await state()];
execFileSync('mount', ['-o', 'remount,ro', disk]);
const readOnly = [await publish(one), await state(), await publish(many)];
const text = readFileSync(join(folder, 'bundle.pem'), 'utf8');
process.stdout.write(
  JSON.stringify({ withRoom, full, nearlyFull, again, readOnly, whole: text === many.roots.join('') }),
);
