// The state-of-the-world variant as stories of requests; the numbers are those of test/conformance/rules.ts.
// Its responses carry no names, so the made-up content says them.
import { describe, expect, test } from 'vitest';
import { SotwStory } from './story.ts';

describe('subscribing', () => {
  test('legacy wildcard until a name is given; then an empty list unsubscribes from all (9)', () => {
    const client = new SotwStory();
    client.set({ cluster: { a: 'a1', b: 'b1' } });
    expect(client.ask('cluster')).toEqual(['cluster a1 b1']);
    expect(client.ask('cluster')).toEqual([]);
    expect(client.ask('cluster', { names: ['*', 'a'] })).toEqual(['cluster a1 b1']);
    expect(client.ask('cluster', { names: ['*', 'a'] })).toEqual([]);
    expect(client.ask('cluster', { names: ['a'] })).toEqual(['cluster a1']);
    expect(client.ask('cluster', { names: ['a'] })).toEqual([]);
    expect(client.ask('cluster', { names: [] })).toEqual([]);
    expect(client.set({ cluster: { a: 'a2', b: 'b2' } })).toEqual([]);
  });

  test('dropping the name beside a wildcard is answered', () => {
    const client = new SotwStory();
    client.set({ cluster: { a: 'a1' } });
    client.ask('cluster', { names: ['*', 'a', 'x'] });
    expect(client.ask('cluster', { names: ['*'] })).toEqual(['cluster a1']);
    expect(client.ask('cluster', { names: ['*'] })).toEqual([]);
  });

  test('nothing, and never an empty set, before there is a snapshot (10)', () => {
    const client = new SotwStory();
    expect(client.ask('cluster')).toEqual([]);
    expect(client.ask('listener')).toEqual([]);
    expect(client.set({ cluster: { a: 'a1' } })).toEqual(['cluster a1']);
    expect(client.ask('cluster')).toEqual(['listener']);
  });

  test('an absent name: no answer, no loop, pushed when it appears (5, 11)', () => {
    const client = new SotwStory();
    client.set({ endpoint: { a: 'a1' } });
    expect(client.ask('endpoint', { names: ['a', 'x'] })).toEqual(['endpoint a1']);
    expect(client.ask('endpoint', { names: ['a', 'x'] })).toEqual([]);
    expect(client.set({ endpoint: { a: 'a1', x: 'x1' } })).toEqual(['endpoint x1']);
  });

  test('an absent cluster: the full set is answered once', () => {
    const client = new SotwStory();
    client.set({ cluster: { a: 'a1' } });
    expect(client.ask('cluster', { names: ['x'] })).toEqual(['cluster']);
    expect(client.ask('cluster', { names: ['x'] })).toEqual([]);
  });

  test('after a name was dropped, what is left is not sent again over a restart', () => {
    const client = new SotwStory();
    client.set({ endpoint: { a: '1', b: '1' } });
    client.ask('endpoint', { names: ['a', 'b'] });
    expect(client.ask('endpoint', { names: ['a'] })).toEqual([]);
    const version = client.versions.get('endpoint') ?? '';
    const again = new SotwStory();
    again.set({ endpoint: { a: '1', b: '2' } });
    expect(again.ask('endpoint', { names: ['a'], version })).toEqual([]);
    const changed = new SotwStory();
    changed.set({ endpoint: { a: '1', b: '2' } });
    expect(changed.ask('endpoint', { names: ['a', 'b'], version })).toEqual(['endpoint 1 2']);
  });

  test('a name dropped and asked for again is sent again', () => {
    const client = new SotwStory();
    client.set({ endpoint: { a: 'a1', b: 'b1' } });
    client.ask('endpoint', { names: ['a', 'b'] });
    expect(client.ask('endpoint', { names: ['b'] })).toEqual([]);
    expect(client.ask('endpoint', { names: ['a', 'b'] })).toEqual(['endpoint a1']);
  });
});

describe('updates', () => {
  test('clusters and listeners carry the full set (10), the rest what changed (5)', () => {
    const client = new SotwStory();
    client.set({ cluster: { a: 'a1', b: 'b1' }, endpoint: { a: 'a1', b: 'b1' } });
    client.ask('cluster');
    client.ask('cluster');
    client.ask('endpoint', { names: ['a', 'b'] });
    client.ask('endpoint', { names: ['a', 'b'] });
    expect(client.set({ cluster: { a: 'a1', b: 'b2' }, endpoint: { a: 'a1', b: 'b2' } })).toEqual([
      'cluster a1 b2',
      'endpoint b2',
    ]);
  });

  test('absence is not deletion in endpoints (11)', () => {
    const client = new SotwStory();
    client.set({ endpoint: { a: 'a1', b: 'b1' } });
    client.ask('endpoint', { names: ['a', 'b'] });
    client.ask('endpoint', { names: ['a', 'b'] });
    expect(client.set({ endpoint: { a: 'a1' } })).toEqual([]);
    expect(client.set({ endpoint: { a: 'a1', b: 'b1' } })).toEqual(['endpoint b1']);
  });

  test('stale nonces: no answer, and their names do not count; the next request has them (6)', () => {
    const client = new SotwStory();
    client.set({ endpoint: { a: 'a1', b: 'b1' } });
    client.ask('endpoint', { names: ['a'] });
    const first = client.nonces.get('endpoint') ?? '';
    client.set({ endpoint: { a: 'a2', b: 'b1' } });
    expect(client.ask('endpoint', { names: ['a', 'b'], nonce: first })).toEqual([]);
    expect(client.ask('endpoint', { names: ['a', 'b'], nonce: '' })).toEqual([]);
    expect(client.answers).toEqual(['acked endpoint at 1']);
    expect(client.ask('endpoint', { names: ['a', 'b'] })).toEqual(['endpoint b1']);
    expect(client.answers).toEqual(['acked endpoint at 1', 'acked endpoint at 2']);
  });

  test('any nonce will do in the first request of a type (1)', () => {
    const client = new SotwStory();
    client.set({ cluster: { a: 'a1' } });
    expect(client.ask('cluster', { nonce: 'of an earlier stream' })).toEqual(['cluster a1']);
    expect(client.answers).toEqual([]);
  });

  test('NACK: not sent again, names in it count, the corrected version goes (4, 7, 14)', () => {
    const client = new SotwStory();
    client.set({ endpoint: { a: 'bad', b: 'b1' } });
    client.ask('endpoint', { names: ['a'] });
    expect(client.ask('endpoint', { names: ['a', 'b'], error: 'bad' })).toEqual(['endpoint b1']);
    client.ask('endpoint', { names: ['a', 'b'] });
    expect(client.answers).toEqual(['nacked endpoint at 1', 'acked endpoint at 1']);
    expect(client.set({ endpoint: { a: 'good', b: 'b1' } })).toEqual(['endpoint good']);
  });

  test('extension configs: those that it has nothing of in one response, changed ones alone', () => {
    const client = new SotwStory();
    client.set({ extension: { x: 'x1', y: 'y1', z: 'z1' } });
    expect(client.ask('extension', { names: ['x', 'y'] })).toEqual(['extension x1 y1']);
    expect(client.set({ extension: { x: 'x2', y: 'y2', z: 'z1' } })).toEqual(['extension x2', 'extension y2']);
    expect(client.ask('extension', { names: ['x', 'y', 'z'] })).toEqual(['extension z1']);
  });

  test('extension configs alone for a client that reconnects: it may have earlier versions', () => {
    const client = new SotwStory();
    client.set({ extension: { x: 'x1', y: 'y1' } });
    expect(client.ask('extension', { names: ['x', 'y'], version: 'earlier' })).toEqual([
      'extension x1',
      'extension y1',
    ]);
  });

  test('what was refused and is withdrawn keeps nothing from being removed, then or later', () => {
    const client = new SotwStory();
    client.set({ cluster: { a: '1', c: '1' }, endpoint: { b: 'bad' } });
    client.ask('cluster');
    client.ask('cluster');
    client.ask('endpoint', { names: ['*'] });
    client.ask('endpoint', { names: ['*'], error: 'bad' });
    expect(client.set({ cluster: { a: '1' }, endpoint: { b: 'bad' } })).toEqual([]);
    expect(client.set({ cluster: { a: '1' }, endpoint: {} })).toEqual(['cluster 1']);
    client.ask('cluster');
    expect(client.set({ cluster: {}, endpoint: {} })).toEqual(['cluster']);
  });

  test('an answer to the last of several takes back what was refused before them', () => {
    const client = new SotwStory();
    client.set({ cluster: { a: '1' }, endpoint: { b: 'bad' } });
    client.ask('cluster');
    client.ask('cluster');
    client.ask('endpoint', { names: ['*'] });
    client.ask('endpoint', { names: ['*'], error: 'bad' });
    client.set({ cluster: { a: '1' }, endpoint: { b: '1' } });
    client.set({ cluster: { a: '1' }, endpoint: { a: '1', b: '1' } });
    client.ask('endpoint', { names: ['*'] });
    expect(client.set({ cluster: {}, endpoint: { a: '1', b: '1' } })).toEqual(['cluster']);
  });

  test('a NACK of several extension configs: each once more, alone, and the bad one not again', () => {
    const client = new SotwStory();
    client.set({ extension: { x: 'x1', y: 'bad', z: 'z1' } });
    expect(client.ask('extension', { names: ['x', 'y', 'z'] })).toEqual(['extension x1 bad z1']);
    expect(client.ask('extension', { names: ['x', 'y', 'z'], error: 'bad' })).toEqual([
      'extension x1',
      'extension bad',
      'extension z1',
    ]);
  });

  test('a changed referrer takes its dependents along (12, 17)', () => {
    const client = new SotwStory();
    const before = { cluster: { a: 'a', b: 'b' }, endpoint: { a: 'a1', b: 'b1' }, secret: { s: 's1' } };
    client.set(before);
    for (let twice = 0; twice < 2; twice++) {
      client.ask('cluster');
      client.ask('endpoint', { names: ['a', 'b'] });
      client.ask('secret', { names: ['s'] });
    }
    expect(client.set({ ...before, cluster: { a: 'a s', b: 'b' } })).toEqual([
      'cluster a s b',
      'endpoint a1',
      'secret s1',
    ]);
  });

  test('make before break: a cluster goes once the routes that left it are in place (13)', () => {
    const client = new SotwStory();
    client.set({ cluster: { a: 'a' }, endpoint: { a: 'ea' }, route: { r: 'to-a' } });
    client.ask('cluster');
    client.ask('cluster');
    client.ask('endpoint', { names: ['a'] });
    client.ask('endpoint', { names: ['a'] });
    client.ask('route', { names: ['r'] });
    client.ask('route', { names: ['r'] });
    expect(client.set({ cluster: { b: 'b' }, endpoint: { b: 'eb' }, route: { r: 'to-b' } })).toEqual(['cluster b a']);
    expect(client.ask('endpoint', { names: ['a', 'b'] })).toEqual(['endpoint eb']);
    expect(client.ask('cluster')).toEqual([]);
    expect(client.ask('endpoint', { names: ['a', 'b'] })).toEqual(['route to-b']);
    expect(client.ask('route', { names: ['r'] })).toEqual(['cluster b']);
    expect(client.ask('cluster')).toEqual([]);
  });

  test('a listener goes with the one that takes its address', () => {
    const client = new SotwStory();
    client.set({ listener: { l: 'l1' } });
    client.ask('listener');
    client.ask('listener');
    expect(client.set({ listener: { m: 'm1' } })).toEqual(['listener m1']);
    client.ask('listener');
    expect(client.set({ listener: {} })).toEqual(['listener']);
  });
});

describe('reconnecting (3, 8)', () => {
  const contents = {
    cluster: { a: 'a', b: 'b' },
    endpoint: { a: 'a1', b: 'b1' },
    extension: { x: 'x1', y: 'y1' },
  };
  const versions = () => {
    const client = new SotwStory();
    client.set(contents);
    client.ask('cluster');
    client.ask('cluster');
    client.ask('endpoint', { names: ['a'] });
    client.ask('endpoint', { names: ['a', 'b'] });
    client.ask('extension', { names: ['x', 'y'] });
    return client.versions;
  };

  test('with the version of just these resources: nothing is sent', () => {
    const had = versions();
    const client = new SotwStory();
    client.set({ endpoint: { b: 'b1', a: 'a1' }, cluster: { b: 'b', a: 'a' }, extension: contents.extension });
    expect(client.ask('cluster', { version: had.get('cluster') ?? '' })).toEqual([]);
    expect(client.ask('endpoint', { names: ['b', 'a'], version: had.get('endpoint') ?? '' })).toEqual([]);
    expect(client.ask('extension', { names: ['x', 'y'], version: had.get('extension') ?? '' })).toEqual([]);
    // No answer will say that it has them.
    expect(client.kept).toEqual(['cluster', 'endpoint', 'extension']);
    expect(client.set({ ...contents, cluster: { a: 'a', b: 'b2' } })).toEqual(['cluster a b2']);
  });

  test('with any other version: all', () => {
    const had = versions();
    const client = new SotwStory();
    client.set({ ...contents, endpoint: { a: 'a1', b: 'b2' } });
    expect(client.ask('endpoint', { names: ['a', 'b'], version: had.get('endpoint') ?? '' })).toEqual([
      'endpoint a1 b2',
    ]);
  });

  test('but what a changed referrer waits for is sent', () => {
    const had = versions();
    const client = new SotwStory();
    client.set({ ...contents, cluster: { a: 'a changed', b: 'b' } });
    expect(client.ask('cluster', { version: had.get('cluster') ?? '' })).toEqual(['cluster a changed b']);
    // The full set was sent, so that the client may warm either.
    expect(client.ask('endpoint', { names: ['a', 'b'], version: had.get('endpoint') ?? '' })).toEqual([
      'endpoint a1 b1',
    ]);
  });

  test('but what was dropped before the claim was compared is sent', () => {
    const first = new SotwStory();
    first.set({ route: { a: 'a1' } });
    first.ask('route', { names: ['*', 'a'] });
    const again = new SotwStory();
    again.set({ route: { a: 'a1' } });
    // Routes wait for the answer about clusters, and so does the comparison.
    again.ask('cluster', { names: ['x'] });
    expect(again.ask('route', { names: ['*', 'a'], version: first.versions.get('route') ?? '' })).toEqual([]);
    expect(again.ask('route', { names: ['*'] })).toEqual([]);
    expect(again.ask('cluster', { names: ['x'] })).toEqual(['route a1']);
  });

  test('a removal meanwhile is in the full set', () => {
    const had = versions();
    const client = new SotwStory();
    client.set({ cluster: { a: 'a' } });
    expect(client.ask('cluster', { version: had.get('cluster') ?? '' })).toEqual(['cluster a']);
  });
});
