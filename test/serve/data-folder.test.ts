// One control plane in a data folder: a second would break the audit log's chain.
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { createLifecycle } from '../../src/lib/lifecycle.ts';
import { silentLog } from '../../src/lib/log.ts';
import { moveStore } from '../../src/serve/move-store.ts';
import { serve } from '../../src/serve/serve.ts';
import { directoryOf, type ServeHarness, startServe } from '../support/serve-harness.ts';

const documents = `apiVersion: cellwall/v1
kind: Mesh
metadata: { name: mesh }
spec: { trustDomain: td1 }
`;
let plane: ServeHarness | undefined;

afterEach(async () => {
  await plane?.stop();
  plane = undefined;
});

const port = { host: '127.0.0.1', port: 0 };

/** As far as it comes without documents. */
async function startIn(data: string, warned: string[]): Promise<void> {
  const lifecycle = createLifecycle();
  const stop = new AbortController();
  const log = { ...silentLog, child: () => log, warn: (_: object, message: string) => void warned.push(message) };
  const options = { store: { kind: 'memory', options: {} }, data, xds: port, identity: port, admin: port } as const;
  const deps = { clock: systemClock, log, version: '0', lifecycle, signal: stop.signal };
  stop.abort();
  try {
    await serve({ ...options, logLevel: 'error' }, deps, () => {}).catch((reason: unknown) => {
      if (CellwallError.from(reason).code === 'failed_precondition') throw reason;
    });
  } finally {
    await lifecycle.close();
  }
}

describe('the data folder', () => {
  const places = mkdtempSync(join(tmpdir(), 'cellwall-data-'));
  afterAll(() => rmSync(places, { recursive: true }));
  const folderOf = (mode: number): string => {
    const folder = mkdtempSync(join(places, 'data-'));
    chmodSync(folder, mode);
    return folder;
  };
  const move = (data: string, warned: string[]): Promise<unknown> => {
    const log = { ...silentLog, warn: (_: object, message: string) => void warned.push(message) };
    const from = { kind: 'store', store: { kind: 'memory', options: {} } } as const;
    const to = { kind: 'file', path: join(data, 'exported') } as const;
    return moveStore({ data, from, to, replace: false }, { clock: systemClock, log }).catch((reason: unknown) => {
      // A memory store has nothing to export.
      if (CellwallError.from(reason).message.includes('has mode')) throw reason;
    });
  };

  it.each([
    ['serve', startIn],
    ['store export', move],
  ])(
    'that others may look into is closed to them by %s, with a notice; one that they may write to is refused',
    async (_, run) => {
      for (const mode of [0o755, 0o750, 0o711]) {
        const warned: string[] = [];
        const folder = folderOf(mode);
        await run(folder, warned);
        expect(statSync(folder).mode & 0o777).toBe(0o700);
        expect(warned).toContainEqual(
          `${folder} had mode 0${mode.toString(8)}, and has 0700 now: keys are kept where only their owner can look`,
        );
      }
      for (const mode of [0o775, 0o777, 0o702]) {
        const folder = folderOf(mode);
        await expect(run(folder, [])).rejects.toMatchObject({
          code: 'failed_precondition',
          message: expect.stringMatching(/so that others may write to it/),
          hint: expect.stringContaining(`chmod 700 ${folder}`),
        });
      }
      const [folder, warned] = [folderOf(0o700), Array.of<string>()];
      const link = `${folder}.link`;
      symlinkSync(folder, link);
      await run(link, warned);
      expect(warned.filter((message) => message.includes('mode'))).toEqual([]);
    },
  );

  it('is refused to a second control plane, and free again after the first', async () => {
    plane = await startServe(documents);
    const lifecycle = createLifecycle();
    const store = directoryOf(join(plane.folder, 'documents'));
    const data = join(plane.folder, 'data');
    const { signal } = new AbortController();
    const second = serve(
      { store, data, xds: port, identity: port, admin: port, logLevel: 'error' },
      { clock: systemClock, log: silentLog, version: '0', lifecycle, signal },
      () => {},
    );
    await expect(second).rejects.toMatchObject({
      code: 'failed_precondition',
      message: `${data} is in use: already running as pid ${process.pid}`,
      hint: expect.stringContaining('--data of its own'),
    });
    await lifecycle.close();
    await plane.restart();
  });
});
