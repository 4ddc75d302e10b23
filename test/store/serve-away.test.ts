// A control plane whose Redis hangs, over a restart, and loses everything, over another: it serves from its last good state, says so, takes
// back the hosts that joined before, and recovers in the same process.
import { expect, it } from 'vitest';
import { startRedisWall } from '../adversary/store/redis-wall.ts';
import { eventually } from '../support/eventually.ts';
import { serviceText, yaml } from '../support/resolve-text.ts';

it('starts while Redis is unavailable, and after it lost everything', async () => {
  const wall = await startRedisWall(
    yaml('kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}', serviceText('web')),
  );
  const pid = Number(/process_id:(\d+)/.exec(await wall.redis.info('server'))?.[1]);
  const trouble = async () => (await wall.admin.status()).storeTrouble?.kind ?? 'none';
  try {
    await wall.join((await wall.admin.createToken({ service: 'web' })).token, 'host');
    const before = await wall.inForce();
    await wall.restart(async () => void process.kill(pid, 'SIGSTOP'));
    await eventually('it says so', async () => ((await trouble()) === 'away' ? true : undefined));
    expect(await wall.admin.status()).toMatchObject({ ready: true, problems: [] });
    expect(await wall.inForce()).toEqual(before);
    expect(await wall.renew('host')).toEqual(['taken', 'taken']);
    await expect(wall.apply(yaml(serviceText('more')))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('documents cannot be changed now'),
    });
    process.kill(pid, 'SIGCONT');
    await eventually('it is back', async () => ((await trouble()) === 'none' ? true : undefined), 45_000);
    await wall.apply(yaml(serviceText('more')));
    const now = await wall.inForce();
    await wall.restart(async () => void (await wall.redis.flushall()));
    expect(await wall.inForce()).toEqual(now);
    expect(await wall.renew('host')).toEqual(['taken', 'taken']);
    await eventually('the documents are back', async () => (await wall.redis.hlen('cellwall:documents')) === 3, 45_000);
    await eventually('the mark too', async () => (await wall.redis.exists('cellwall:table:authority:root')) === 1);
    await eventually('it is on record', async () =>
      (await wall.admin.audit()).records.some(({ event }) => JSON.stringify(event).includes('store-restored')),
    );
    expect((await wall.admin.status()).problems).toEqual([]);
  } finally {
    process.kill(pid, 'SIGCONT');
    await wall.stop();
  }
}, 145_000);
