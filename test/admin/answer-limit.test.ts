// An answer without an end is cut off at a limit, and the caller is told.
import { expect, it } from 'vitest';
import { createExchange } from '../../src/admin/exchange.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { adminToken } from '../support/admin-harness.ts';
import { startHostileAdmin } from '../support/hostile-admin.ts';

it('is read up to the limit, and no further', async () => {
  const hostile = await startHostileAdmin();
  const credential = { kind: 'token', token: new Redacted(adminToken) } as const;
  const exchange = createExchange({ url: hostile.address, credential, timeoutMs: 30_000, maxAnswerBytes: 1_048_576 });
  hostile.answers('[]');
  expect(await exchange.send('GET', '/v1/history')).toEqual({ status: 200, text: '[]' });
  hostile.answers(2);
  await expect(exchange.send('GET', '/v1/history')).rejects.toMatchObject({
    ...{ code: 'resource_exhausted', message: 'the answer is larger than 1 MiB' },
  });
  hostile.close();
});
