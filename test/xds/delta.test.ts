// The incremental variant as stories of requests; the numbers are those of test/conformance/rules.ts.
import { describe, expect, test } from 'vitest';
import { DeltaStory, versionOf } from './story.ts';

describe('what is gone', () => {
  test('an extension config is not taken away: chains that drain still look at it, and would refuse every call without', () => {
    const client = new DeltaStory();
    client.set({ listener: { l: '1' }, extension: { f: '1', g: '1' }, route: { r: '1', s: '1' } });
    client.ask('listener');
    client.ack('listener');
    for (const type of ['extension', 'route'] as const) {
      client.ask(type, { sub: type === 'extension' ? ['f', 'g'] : ['r', 's'] });
      while (client.ack(type).length > 0);
    }
    client.set({ listener: { l: '2' }, extension: { f: '1' }, route: { r: '1' } });
    const after = [...client.ack('listener'), ...client.ack('route'), ...client.ack('extension')];
    expect(after.filter((text) => text.includes('-'))).toEqual(['route -s']);
    // If it comes back, it is sent, whatever the client kept.
    expect(client.set({ listener: { l: '2' }, extension: { f: '1', g: '1' }, route: { r: '1' } })).toContain(
      'extension g=1',
    );
  });
});

describe('subscribing', () => {
  test('legacy wildcard: nothing named means all, for clusters and listeners', () => {
    const client = new DeltaStory();
    client.set({ cluster: { a: '1' }, listener: { l: '1' }, endpoint: { a: '1' } });
    expect(client.ask('cluster')).toEqual(['cluster a=1']);
    expect(client.ack('cluster')).toEqual([]);
    expect(client.ask('listener')).toEqual(['listener l=1']);
    expect(client.ask('endpoint')).toEqual([]);
  });

  test('an empty wildcard is answered, so that a client can finish its start', () => {
    const client = new DeltaStory();
    client.set({});
    expect(client.ask('cluster')).toEqual(['cluster']);
    expect(client.ack('cluster')).toEqual([]);
  });

  test('nothing is answered before there is a snapshot', () => {
    const client = new DeltaStory();
    expect(client.ask('cluster')).toEqual([]);
    expect(client.set({ cluster: { a: '1' } })).toEqual(['cluster a=1']);
  });

  test('explicit wildcard, for any type', () => {
    const client = new DeltaStory();
    client.set({ endpoint: { a: '1', b: '1' } });
    expect(client.ask('endpoint', { sub: ['*'] })).toEqual(['endpoint a=1 b=1']);
  });

  test('a name adds to a legacy wildcard; dropping the wildcard leaves the name; dropping that leaves nothing', () => {
    const client = new DeltaStory();
    client.set({ cluster: { a: '1', b: '1' } });
    client.ask('cluster');
    client.ack('cluster');
    expect(client.ask('cluster', { sub: ['a'] })).toEqual(['cluster a=1']);
    expect(client.ask('cluster', { unsub: ['*'] })).toEqual(['cluster a=1']);
    expect(client.set({ cluster: { a: '2', b: '2' } })).toEqual(['cluster a=2']);
    client.ack('cluster');
    expect(client.ask('cluster', { unsub: ['a'] })).toEqual([]);
    expect(client.set({ cluster: { a: '3', b: '3' } })).toEqual([]);
  });

  test('dropping a name under a wildcard tells what becomes of it', () => {
    const client = new DeltaStory();
    client.set({ cluster: { a: '1' } });
    client.ask('cluster', { sub: ['*', 'a', 'none'] });
    client.ack('cluster');
    expect(client.ask('cluster', { unsub: ['a', 'none'] })).toEqual(['cluster a=1 -none']);
    expect(client.ack('cluster')).toEqual([]);
  });

  test('a wildcard tells what became of what was on its way and dropped', () => {
    const client = new DeltaStory();
    client.set({ cluster: { a: 'a1', b: 'b1' } });
    client.ask('cluster', { sub: ['a', 'b'] });
    client.ask('cluster', { unsub: ['a', 'b'] });
    client.set({ cluster: { b: 'b1' } });
    // The first response reaches it after it asked for all: then it keeps what is in it.
    expect(client.ask('cluster', { sub: ['*'] })).toEqual(['cluster b=b1 -a']);
  });

  test('unsubscribed names are not sent; unknown ones do not matter', () => {
    const client = new DeltaStory();
    client.set({ endpoint: { a: '1', b: '1' } });
    client.ask('endpoint', { sub: ['a', 'b'] });
    client.ask('endpoint', { unsub: ['a', 'never'] });
    expect(client.set({ endpoint: { a: '2', b: '2' } })).toEqual(['endpoint b=2']);
  });

  test('resubscribing is answered, changed or not, absent or not', () => {
    const client = new DeltaStory();
    client.set({ endpoint: { a: '1' } });
    expect(client.ask('endpoint', { sub: ['a', 'x'] })).toEqual(['endpoint a=1 -x']);
    client.ack('endpoint');
    expect(client.ask('endpoint', { sub: ['a'] })).toEqual(['endpoint a=1']);
    expect(client.ask('endpoint', { sub: ['x'] })).toEqual(['endpoint -x']);
    client.ask('endpoint', { unsub: ['a'] });
    expect(client.ask('endpoint', { sub: ['a'] })).toEqual(['endpoint a=1']);
    client.ask('endpoint', { sub: ['*'] });
    expect(client.ask('endpoint', { sub: ['*'] })).toEqual(['endpoint a=1 -x']);
  });
});

describe('updates', () => {
  test('only what changed; an ACK is no request (5)', () => {
    const client = new DeltaStory();
    client.set({ cluster: { a: '1', b: '1' } });
    client.ask('cluster');
    expect(client.ack('cluster')).toEqual([]);
    expect(client.set({ cluster: { a: '1', b: '1' } })).toEqual([]);
    expect(client.set({ cluster: { a: '1', b: '2', c: '1' } })).toEqual(['cluster b=2 c=1']);
  });

  test('an absent name is told once, and pushed when it appears (11)', () => {
    const client = new DeltaStory();
    client.set({});
    expect(client.ask('secret', { sub: ['s'] })).toEqual(['secret -s']);
    expect(client.ack('secret')).toEqual([]);
    expect(client.set({ cluster: { a: '1' } })).toEqual([]);
    expect(client.set({ secret: { s: '1' } })).toEqual(['secret s=1']);
    client.ack('secret');
    expect(client.set({})).toEqual(['secret -s']);
    client.ack('secret');
    expect(client.set({ secret: { s: '1' } })).toEqual(['secret s=1']);
  });

  test('a NACKed version is not sent again, a corrected one is (14)', () => {
    const client = new DeltaStory();
    client.set({ cluster: { a: 'bad', b: '1' } });
    client.ask('cluster');
    expect(client.nack('cluster')).toEqual([]);
    expect(client.answers).toEqual(['nacked cluster at 1']);
    expect(client.set({ cluster: { a: 'bad', b: '2' } })).toEqual(['cluster b=2']);
    client.ack('cluster');
    expect(client.set({ cluster: { a: 'good', b: '2' } })).toEqual(['cluster a=good']);
  });

  test('an empty error_detail is a NACK all the same (4)', () => {
    const client = new DeltaStory();
    client.set({ cluster: { a: '1' } });
    client.ask('cluster');
    client.nack('cluster', '');
    expect(client.answers).toEqual(['nacked cluster at 1']);
  });

  test('names may change with an ACK, a NACK or a stale nonce (6, 7)', () => {
    const client = new DeltaStory();
    client.set({ endpoint: { a: '1', b: '1', c: '1', d: '1' } });
    client.ask('endpoint', { sub: ['a'] });
    const first = client.nonces.get('endpoint') ?? '';
    expect(client.ask('endpoint', { nonce: first, sub: ['b'] })).toEqual(['endpoint b=1']);
    expect(client.ask('endpoint', { nonce: client.nonces.get('endpoint') ?? '', error: 'bad', sub: ['c'] })).toEqual([
      'endpoint c=1',
    ]);
    expect(client.ask('endpoint', { nonce: first, sub: ['d'] })).toEqual(['endpoint d=1']);
    expect(client.ask('endpoint', { nonce: 'never heard of', unsub: ['d'] })).toEqual([]);
    expect(client.answers).toEqual(['acked endpoint at 1', 'nacked endpoint at 1']);
    expect(client.set({ endpoint: { a: '2', b: '1', c: '1', d: '2' } })).toEqual(['endpoint a=2']);
  });
});

describe('reconnecting', () => {
  test('what is unchanged is not sent, though it is subscribed to; what changed is (8)', () => {
    const client = new DeltaStory();
    client.set({ endpoint: { a: '1', b: '2', c: '1' } });
    const has = { a: versionOf('1'), b: versionOf('1') };
    expect(client.ask('endpoint', { sub: ['a', 'b', 'c'], has, nonce: 'of an earlier stream' })).toEqual([
      'endpoint b=2 c=1',
    ]);
    expect(client.answers).toEqual([]);
  });

  test('wildcard: nothing to say when nothing changed', () => {
    const client = new DeltaStory();
    client.set({ cluster: { a: '1' } });
    expect(client.ask('cluster', { has: { a: versionOf('1') } })).toEqual([]);
    expect(client.set({ cluster: { a: '2' } })).toEqual(['cluster a=2']);
  });

  test('removals meanwhile are told (11)', () => {
    const wildcard = new DeltaStory();
    wildcard.set({ cluster: { a: '1' } });
    expect(wildcard.ask('cluster', { has: { a: versionOf('1'), old: versionOf('1') } })).toEqual(['cluster -old']);
    const named = new DeltaStory();
    named.set({ endpoint: { a: '1' } });
    expect(named.ask('endpoint', { sub: ['a', 'old'], has: { a: versionOf('1'), old: '1' } })).toEqual([
      'endpoint -old',
    ]);
    expect(named.ack('endpoint')).toEqual([]);
  });

  test('later initial_resource_versions say nothing', () => {
    const client = new DeltaStory();
    client.set({ endpoint: { a: '1' } });
    client.ask('endpoint', { sub: ['b'] });
    expect(client.ask('endpoint', { sub: ['a'], has: { a: versionOf('1') } })).toEqual(['endpoint a=1']);
  });

  test('but what a changed referrer waits for is sent all the same (8, 12)', () => {
    const client = new DeltaStory();
    client.set({ cluster: { a: 'new a', b: '1' }, endpoint: { a: '1', b: '1' } });
    expect(client.ask('cluster', { has: { a: versionOf('old a'), b: versionOf('1') } })).toEqual(['cluster a=new a']);
    const has = { a: versionOf('1'), b: versionOf('1') };
    expect(client.ask('endpoint', { sub: ['a', 'b'], has })).toEqual(['endpoint a=1']);
  });
});

describe('order', () => {
  const before = {
    cluster: { a: 'a', b: 'b' },
    endpoint: { a: '1', b: '1' },
    listener: { l: 'r s x' },
    route: { r: 'a' },
    secret: { s: '1' },
    extension: { x: '1' },
  };
  const connected = () => {
    const client = new DeltaStory();
    client.set(before);
    for (const ask of [
      () => client.ask('cluster'),
      () => client.ask('endpoint', { sub: ['a', 'b'] }),
      () => client.ask('listener'),
      () => client.ask('route', { sub: ['r'] }),
      () => client.ask('secret', { sub: ['s'] }),
      () => client.ask('extension', { sub: ['x'] }),
    ]) {
      ask();
      for (const kind of client.nonces.keys()) client.ack(kind);
    }
    expect(client.set(before)).toEqual([]);
    return client;
  };

  test('a changed cluster takes its endpoints along, a changed listener what it names (12, 17)', () => {
    const client = connected();
    expect(client.set({ ...before, cluster: { a: 'a changed', b: 'b' } })).toEqual([
      'cluster a=a changed',
      'endpoint a=1',
    ]);
    for (const kind of client.nonces.keys()) client.ack(kind);
    expect(client.set({ ...before, cluster: { a: 'a changed', b: 'b' }, listener: { l: 'r s x changed' } })).toEqual([
      'listener l=r s x changed',
      'route r=a',
      'secret s=1',
      'extension x=1',
    ]);
  });

  test('make before break: cluster, its endpoints, and only then routes, and only then removals (13)', () => {
    const client = connected();
    expect(
      client.set({
        ...before,
        cluster: { a: 'a', c: 'c' },
        endpoint: { a: '1', c: '1' },
        route: { r: 'c' },
      }),
    ).toEqual(['cluster c=c']);
    expect(client.ask('endpoint', { sub: ['c'] })).toEqual(['endpoint c=1']);
    expect(client.ack('cluster')).toEqual([]);
    expect(client.ack('endpoint')).toEqual(['route r=c']);
    expect(client.ack('route')).toEqual(['cluster -b', 'endpoint -b']);
  });

  test('a cluster that never warms holds routes up for a second, not for ever', () => {
    const client = connected();
    expect(client.set({ ...before, cluster: { a: 'a', b: 'b', c: 'c' }, route: { r: 'b' } })).toEqual(['cluster c=c']);
    expect(client.wait(999)).toEqual([]);
    expect(client.wait(1)).toEqual(['route r=b']);
  });

  test('what was refused and is withdrawn keeps nothing from being removed', () => {
    const client = new DeltaStory();
    client.set({ cluster: { a: '1', c: '1' } });
    client.ask('cluster');
    client.ack('cluster');
    client.set({ cluster: { a: '1', b: 'bad', c: '1' } });
    client.nack('cluster');
    expect(client.set({ cluster: { a: '1' } })).toEqual(['cluster -b -c']);
    client.ack('cluster');
    expect(client.set({ cluster: {} })).toEqual(['cluster -a']);
  });

  test('a refused listener still needs that cluster when another listener is accepted', () => {
    const client = new DeltaStory();
    client.set({ cluster: { a: '1', b: '1' }, listener: { l: 'b', m: 'a' } });
    for (const kind of ['cluster', 'listener'] as const) {
      client.ask(kind);
      client.ack(kind);
    }
    expect(client.set({ cluster: { a: '1' }, listener: { l: 'bad', m: 'a' } })).toEqual(['listener l=bad']);
    client.nack('listener');
    expect(client.set({ cluster: { a: '1' }, listener: { l: 'bad', m: 'a2' } })).toEqual(['listener m=a2']);
    expect(client.ack('listener')).toEqual([]);
    expect(client.set({ cluster: { a: '1' }, listener: { m: 'a2' } })).toEqual(['listener -l']);
    expect(client.ack('listener')).toEqual(['cluster -b']);
  });

  test('a refused listener still needs the cluster that was to go', () => {
    const client = connected();
    expect(client.set({ ...before, cluster: { a: 'a' }, endpoint: { a: '1' }, listener: { l: 'r s x bad' } })).toEqual([
      'listener l=r s x bad',
      'route r=a',
      'secret s=1',
      'extension x=1',
    ]);
    for (const kind of ['route', 'secret', 'extension'] as const) client.ack(kind);
    expect(client.nack('listener')).toEqual([]);
    expect(client.set({ ...before, cluster: { a: 'a' }, endpoint: { a: '1' }, listener: { l: 'good' } })).toEqual([
      'listener l=good',
    ]);
    expect(client.ack('listener')).toEqual(['cluster -b', 'endpoint -b']);
  });

  test('a listener goes with the one that takes its address', () => {
    const client = connected();
    expect(client.set({ ...before, listener: { m: '1' } })).toEqual(['listener m=1 -l']);
  });

  test('extension configs: those that it has nothing of in one response, changed ones alone', () => {
    const client = new DeltaStory();
    client.set({ extension: { x: '1', y: '1', z: '1' } });
    expect(client.ask('extension', { sub: ['x', 'y'] })).toEqual(['extension x=1 y=1']);
    expect(client.set({ extension: { x: '2', y: '2', z: '1' } })).toEqual(['extension x=2', 'extension y=2']);
    expect(client.ask('extension', { sub: ['z'] })).toEqual(['extension z=1']);
  });

  test('extension configs that a client has from an earlier stream come alone', () => {
    const client = new DeltaStory();
    client.set({ extension: { x: '2', y: '2', z: '2', w: '2' } });
    expect(client.ask('extension', { sub: ['x', 'y', 'z', 'w'], has: { x: '1', y: '1' } })).toEqual([
      'extension z=2 w=2',
      'extension x=2',
      'extension y=2',
    ]);
  });

  test('a NACK of several extension configs: each once more, alone, and the bad one not again', () => {
    const client = new DeltaStory();
    client.set({ extension: { x: '1', y: 'bad', z: '1' } });
    expect(client.ask('extension', { sub: ['x', 'y', 'z'] })).toEqual(['extension x=1 y=bad z=1']);
    expect(client.nack('extension')).toEqual(['extension x=1', 'extension y=bad', 'extension z=1']);
    expect(client.nack('extension')).toEqual([]);
  });
});
