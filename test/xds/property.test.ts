// Random clients of both variants against a small model of the rules: on the pure steps, and over gRPC.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { playRandomClients } from './random-clients.ts';
import { startWireStories, type WireStories } from './wire-story.ts';

const variants = ['delta', 'sotw'] as const;
let stories: WireStories;
beforeAll(async () => {
  stories = await startWireStories();
});
afterAll(() => stories.close());

// On a busy machine it takes its time.
test.each(variants)('3,000 random clients, %s', { timeout: 120_000 }, async (variant) => {
  expect((await playRandomClients(variant, 3000)).found).toBeUndefined();
});

test.each(variants)('100 random clients over gRPC, %s', async (variant) => {
  expect((await playRandomClients(variant, 100, { stories })).found).toBeUndefined();
});
