// The load's process: started and stopped over IPC, it ends when the demo does.
import { type Load, startLoad } from './load.ts';
import type { LoadCommand, LoadReport } from './plan.ts';

const reportEveryMs = 40;
let load: Load | undefined;
let timer: NodeJS.Timeout | undefined;

const report = (kind: LoadReport['kind'], lanes: LoadReport['lanes']): void => {
  process.send?.({ kind, lanes } satisfies LoadReport);
};

process.on('disconnect', () => process.exit(0));
process.on('message', async (command: LoadCommand) => {
  switch (command.kind) {
    case 'start': {
      const started = startLoad(command.plan);
      load = started;
      timer = setInterval(() => report('progress', started.counts()), reportEveryMs);
      return;
    }
    case 'renew':
      load?.renew(command.materials);
      return;
    case 'stop': {
      const lanes = (await load?.stop()) ?? [];
      clearInterval(timer);
      load = undefined;
      report('stopped', lanes);
      return;
    }
    default:
      command satisfies never;
  }
});
