// Random clients of both variants against a small model of the rules.
import { expect, test } from 'vitest';
import { playRandomClients } from './random-clients.ts';

test.each(['delta', 'sotw'] as const)('3,000 random clients, %s', (variant) => {
  expect(playRandomClients(variant, 3000).found).toBeUndefined();
});
