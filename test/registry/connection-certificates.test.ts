// Which proxy has which certificate, while its streams come and go in any order.
import { expect, test } from 'vitest';
import { createConnectionCertificates } from '../../src/registry/connection-certificates.ts';

test('a stream that ends takes its own certificate along, and not that of a newer or another one', () => {
  const connections = createConnectionCertificates();
  connections.connected(1, 'a', 'old');
  // It is back before its old connection is found dead.
  connections.connected(2, 'a', 'new');
  expect([...connections.holders()]).toEqual([['new', 'a']]);
  connections.disconnected(1);
  expect([...connections.holders()]).toEqual([['new', 'a']]);
  // A stream for a single type.
  connections.connected(3, 'a', 'new');
  connections.disconnected(3);
  expect([...connections.holders()]).toEqual([['new', 'a']]);
  connections.disconnected(2);
  expect([...connections.holders()]).toEqual([]);
});
