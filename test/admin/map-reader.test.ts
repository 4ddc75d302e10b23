// The map is read once in a while; what callers' own proxies know of the last minutes is in each, and what is older is added up rarely.
import { expect, it } from 'vitest';
import { createMapReader } from '../../src/admin/map-reader.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createOthersSignals } from '../../src/signals/others-signals.ts';
import { createReadSignals } from '../../src/signals/read-signals.ts';
import { createRecordedSignals } from '../../src/signals/recorded-signals.ts';
import { startAdmin } from '../support/admin-harness.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';

it('a failure that only the caller saw is on the next map, and for a day; all is added up once a minute', async () => {
  const clock = createFakeClock();
  const own = createRecordedSignals({ clock });
  const reader = createReadSignals({ own, others: createOthersSignals(silentLog), clock });
  const asked: number[] = [];
  const signals: typeof reader = {
    read(query) {
      asked.push(Math.round((clock.now() - query.since) / 60_000));
      return reader.read(query);
    },
  };
  const admin = await startAdmin({ clock, signals });
  const text = yaml(
    meshText(),
    serviceText('api'),
    serviceText('web', 'http1', ', dependsOn: [{service: api, listen: 9000}]'),
  );
  await admin.call('/v1/apply', { body: { text } });
  const read = createMapReader(admin.deps);
  const edge = async () => (await read()).answer.edges[0];
  expect(await edge()).toMatchObject({ state: 'unseen' });
  own.record(
    { side: 'outbound', service: 'web', target: 'api' },
    {
      ...{ facts: { status: 503, flags: ['UF'], tls: '' }, decision: 'failed', count: 3, took: [] },
      ...{ received: 0, sent: 0 },
    },
  );
  clock.advance(3000);
  expect(await edge()).toMatchObject({ state: 'failing', failed: 3, recent: true });
  for (let at = 0; at < 5; at++) await Promise.all([read(), read()]);
  expect(asked).toEqual([24 * 60, 10, 10]);
  clock.advance(3 * 3_600_000);
  expect(await edge()).toMatchObject({ state: 'failing', failed: 3, recent: false });
  await admin.close();
});
