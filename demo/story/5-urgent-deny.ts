// (5) An urgent deny refuses the next request on an open HTTP/2 connection: from the server's acceptance of the write to the
// first refusal, probed every millisecond, again and again on the same connection.
import { openConnection } from './deny.ts';
import { must, type Step } from './step.ts';

const boundMs = 50;

export const urgentDeny: Step = {
  name: 'urgent-deny',
  title: '5  an urgent deny refuses the next request on an open connection',
  withinMs: 60_000,
  async run(world, tell) {
    const connection = await openConnection(world);
    const rounds = world.quick ? 5 : 21;
    const samples: number[] = [];
    try {
      for (let round = 0; round < rounds; round += 1) samples.push(await connection.deny());
      must(connection.isOpen(), 'the connection did not stay open');
    } finally {
      connection.close();
    }
    const sorted = samples.toSorted((a, b) => a - b);
    const medianMs = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
    const [minMs = 0, maxMs = 0] = [sorted[0], sorted.at(-1)];
    must(medianMs < boundMs, `median ${medianMs} ms, ${boundMs} ms allowed`);
    tell.held('an urgent deny, to the first refusal', `median ${medianMs} ms of ${rounds} (${minMs} to ${maxMs} ms)`);
    tell.held('all on one HTTP/2 connection', `port ${connection.localPort} from the first request to the last`);
    return { rounds, medianMs, minMs, maxMs, samplesMs: samples };
  },
};
