// What every Node process of a test run loads before its program, by NODE_OPTIONS (run.ts puts it there, as one bundled file). It
// changes nothing that the program sees; the product itself knows nothing of it.
import { syncBuiltinESMExports } from 'node:module';
import { type Hook, hookName } from './keep-output.ts';
import { createKeeper, folderVariable } from './keeper.ts';
import { keepRemovedFiles } from './removed-files.ts';
import { noteSecrets } from './secrets-made.ts';
import { keepStreams } from './streams.ts';

const folder = process.env[folderVariable];
if (folder !== undefined && !(Symbol.for(hookName) in globalThis)) start(folder);

function start(folder: string): void {
  const keeper = createKeeper(folder);
  const secrets = noteSecrets(keeper);
  const files = keepRemovedFiles(keeper);
  const program = process.argv[1] ?? '';
  // A program of the product is heard by whoever started it.
  const isWorker = /vitest[\\/]dist[\\/]workers[\\/]/.test(program);
  const isRun = /[\\/]vitest(?:\.mjs)?$/.test(program);
  if (isWorker || isRun) {
    const streams = keepStreams(keeper, files, { keepIgnored: isWorker });
    process.on('exit', () => streams.flush());
    const hook: Hook = {
      test: (path) => keeper.setTest(path),
      secret: (kind, bytes) => secrets.note(kind, bytes),
      keep: (origin, bytes) => streams.keep(origin, bytes),
      flush: () => streams.flush(),
    };
    Object.defineProperty(globalThis, Symbol.for(hookName), { value: hook });
  }
  syncBuiltinESMExports();
}
