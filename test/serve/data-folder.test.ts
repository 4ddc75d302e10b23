// One control plane in a data folder: a second would break the audit log's chain.
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createLifecycle } from '../../src/lib/lifecycle.ts';
import { silentLog } from '../../src/lib/log.ts';
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

describe('the data folder', () => {
  it('is refused to a second control plane, and free again after the first', async () => {
    plane = await startServe(documents);
    const lifecycle = createLifecycle();
    const port = { host: '127.0.0.1', port: 0 };
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
