// A stream is counted once, from when its service is known, and ends nothing that it did not begin.
import { expect, it } from 'vitest';
import { createCoveredStreams } from '../../src/observe/covered-streams.ts';

function world() {
  const services = new Map<string, string>();
  const told: string[] = [];
  const streams = createCoveredStreams(
    {
      connected: (node, service) => void told.push(`+${node} ${service}`),
      disconnected: (node) => void told.push(`-${node}`),
    },
    (node) => services.get(node),
  );
  return { services, streams, told };
}

it('counts a stream that came before its service once that is known, and no stream twice', () => {
  const { services, streams, told } = world();
  streams.connected(1, 'a');
  streams.lookAgain();
  expect(told).toEqual([]);
  services.set('a', 'api');
  streams.lookAgain();
  streams.lookAgain();
  streams.connected(2, 'a');
  expect(told).toEqual(['+a api', '+a api']);
  streams.disconnected(1, 'a');
  streams.disconnected(2, 'a');
  expect(told.slice(2)).toEqual(['-a', '-a']);
});

it('ends nothing with a stream that was never counted', () => {
  const { services, streams, told } = world();
  streams.connected(1, 'a');
  services.set('a', 'api');
  streams.connected(2, 'a');
  streams.disconnected(1, 'a');
  // The proxy is still connected by the second.
  expect(told).toEqual(['+a api']);
  streams.lookAgain();
  streams.disconnected(2, 'a');
  expect(told).toEqual(['+a api', '-a']);
});
