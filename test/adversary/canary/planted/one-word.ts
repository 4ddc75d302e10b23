// A run whose tests all pass, and that leaks one key. See `every-kind.ts`.
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'vitest';

test('passes', () => {
  const { d } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  process.stdout.write(`${d}\n`);
});
