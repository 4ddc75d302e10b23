// What somebody did to a shared store, and what became of it, is on record as the store tells it.
import { expect, it } from 'vitest';
import type { AuditEvent } from '../../src/audit/audit-event.ts';
import { createEvent } from '../../src/lib/event.ts';
import { silentLog } from '../../src/lib/log.ts';
import { recordRefused } from '../../src/serve/record-refused.ts';
import type { StoreEvent } from '../../src/store/store.ts';
import { keyOf } from '../support/documents.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function start() {
  const clock = createFakeClock();
  const events: AuditEvent[] = [];
  const told = createEvent<StoreEvent>();
  recordRefused({
    store: { problems: () => [], history: async () => [], watch: told.listen },
    audit: { append: async (event) => void events.push(event) },
    ...{ clock, log: silentLog },
  });
  return { clock, events, tell: told.tell };
}
const source = { file: 'Service/api', line: 3, column: 1 };

it('writes over a direct edit, seals anew what an earlier version sealed, and gives back what was lost', () => {
  const { events, tell } = start();
  const keys = [keyOf('Service/api')];
  tell({ kind: 'superseded', author: 'ann', keys });
  tell({ kind: 'sealed', revision: 7 });
  tell({ kind: 'restored', documents: true, entries: 2, tables: ['nodes'] });
  expect(events).toEqual([
    { kind: 'direct-edit-superseded', author: 'ann', keys },
    { kind: 'store-sealed', revision: 7 },
    { kind: 'store-restored', documents: true, entries: 2, tables: ['nodes'] },
  ]);
});

it('says what is not accepted, once a minute for each code; other problems are no evidence', () => {
  const { clock, events, tell } = start();
  const forged = { severity: 'error', code: 'store-forged', message: 'not ours', source } as const;
  const other = { ...forged, code: 'unknown-field' };
  for (let times = 0; times < 3; times += 1) tell({ kind: 'problems', problems: [forged, other] });
  tell({ kind: 'problems', problems: [other] });
  expect(events).toEqual([{ kind: 'store-refused', code: 'store-forged', reason: 'not ours', keys: ['Service/api'] }]);
  clock.advance(60_000);
  tell({ kind: 'problems', problems: [forged] });
  expect(events).toHaveLength(2);
});
