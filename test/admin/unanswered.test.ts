// A change that nobody has answered yet, or will: what the client says of it while it waits, and when it gives up.
import { afterEach, expect, it } from 'vitest';
import type { AdminClientOptions } from '../../src/admin/client.ts';
import { createAdminClient } from '../../src/admin/client.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { check } from '../../src/policy/resolve/check.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const text = 'apiVersion: cellwall/v1\nkind: Mesh\nmetadata: { name: mesh }\nspec: { trustDomain: td1 }\n';
const lookInHistory = { hint: expect.stringMatching(/may be in force.*cellwall history/) };

let admin: AdminHarness | undefined;
afterEach(() => admin?.close());

/** An apply waits until `go` is told. */
async function held() {
  const store = createMemoryStore({ check, log: silentLog, clock: createFakeClock() });
  const { promise, resolve: go } = Promise.withResolvers<void>();
  let asked = 0;
  const started = await startAdmin({
    store: {
      ...store,
      async apply(changes, options) {
        asked++;
        await promise;
        return store.apply(changes, options);
      },
      async history() {
        await promise;
        return store.history();
      },
    },
  });
  admin = started;
  const client = (options: Partial<AdminClientOptions> = {}) => {
    const url = `http://127.0.0.1:${started.address.port}`;
    return createAdminClient({ url, token: new Redacted(adminToken), ...options });
  };
  return { client, go, started, asked: () => asked };
}

it('gives up at the deadline, and says that the change may be in force', async () => {
  const { client, go } = await held();
  const impatient = client({ timeoutMs: 400 });
  await expect(impatient.apply({ text })).rejects.toMatchObject({ code: 'deadline_exceeded', ...lookInHistory });
  await expect(impatient.rollback({ to: 1 })).rejects.toMatchObject({ code: 'deadline_exceeded', ...lookInHistory });
  // Control: what changes nothing is not said to have done so.
  await expect(impatient.history()).rejects.toMatchObject({ hint: expect.not.stringContaining('in force') });
  go();
  const patient = client();
  await eventually('it came into force all the same', async () => (await patient.history()).revisions.length === 1);
});

it('has more patience, the more was sent', async () => {
  const { client, go } = await held();
  const since = performance.now();
  const big = client({ timeoutMs: 1 }).apply({ text: `${text}${'# a word\n'.repeat(11_000)}` });
  setTimeout(go, 700);
  await expect(big).resolves.toMatchObject({ kind: 'applied' });
  expect(performance.now() - since).toBeGreaterThan(600);
});

it('says the same where the control plane goes away meanwhile', async () => {
  const { client, started, asked } = await held();
  const lost = expect(client().apply({ text })).rejects.toMatchObject({ code: 'unavailable', ...lookInHistory });
  await eventually('it is asked', () => asked() > 0);
  await Promise.all([lost, started.close()]);
  admin = undefined;
  // Control: nobody was asked, so nothing can be in force.
  await expect(client().apply({ text })).rejects.toMatchObject({ hint: expect.stringContaining('cellwall serve') });
});

it('tells how long it has been waiting, once that is more than a moment', async () => {
  const { client, go } = await held();
  const waits: number[] = [];
  const slow = client({
    onWait({ ms, bytes }) {
      waits.push(ms);
      expect(bytes).toBeGreaterThan(text.length);
      go();
    },
  });
  await slow.apply({ text });
  await slow.history();
  expect(waits).toHaveLength(1);
  expect(waits[0]).toBeGreaterThanOrEqual(990);
});
