// The command as the demo runs it: what it says of one that failed can be read by anybody.
import { expect, test } from 'vitest';
import { createCellwall } from '../../demo/house/cellwall.ts';
import { createProcesses } from '../../demo/house/processes.ts';

test('a command that failed is told with its arguments, but for the token', async () => {
  const processes = createProcesses();
  try {
    const failed = createCellwall(processes, {}).expect('svid', 'fetch', '--token', 'cw1.secret', '--no-such-flag');
    await expect(failed).rejects.toThrow(/^cellwall svid fetch --token \[redacted\] --no-such-flag exited with \d+:\n/);
  } finally {
    await processes.stop();
  }
});
