// A partial snapshot: clients that are given some types only are told nothing of the others (rule 10).
import { describe, expect, test } from 'vitest';
import { DeltaStory, SotwStory } from './story.ts';

const partial = true;

describe('state-of-the-world', () => {
  test('no empty full set of a type that is absent', () => {
    const client = new SotwStory();
    client.set({ secret: { own: 'o1' } }, partial);
    expect(client.ask('listener')).toEqual([]);
    expect(client.ask('cluster')).toEqual([]);
    expect(client.ask('secret', { names: ['own'] })).toEqual(['secret o1']);
    expect(client.set({ secret: { own: 'o2' } }, partial)).toEqual(['secret o2']);
  });

  test('what a client has stays when its types become absent, and goes when the snapshot is a whole one', () => {
    const client = new SotwStory();
    client.set({ listener: { a: 'a1' }, secret: { own: 'o1' } });
    expect(client.ask('listener')).toEqual(['listener a1']);
    client.ask('listener');
    expect(client.set({ secret: { own: 'o1' } }, partial)).toEqual([]);
    expect(client.set({ secret: { own: 'o1' } })).toEqual(['listener']);
  });
});

describe('delta', () => {
  test('nothing is removed, and no absence told, of a type that is absent', () => {
    const client = new DeltaStory();
    client.set({ cluster: { a: 'a1' }, extension: { deny: 'd1' } });
    client.ask('cluster');
    client.ask('extension', { sub: ['deny'] });
    client.ack('cluster');
    client.ack('extension');
    expect(client.set({ secret: { own: 'o1' } }, partial)).toEqual([]);
    expect(client.ask('secret', { sub: ['own', 'foreign'] })).toEqual(['secret own=o1 -foreign']);
    expect(client.ask('endpoint', { sub: ['x'] })).toEqual([]);
  });
});
