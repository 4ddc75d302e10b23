// What a host costs that joins, and what a storm of them costs everybody else.
import { runJoins } from '../../../bench/joins/run.ts';
import type { Item } from '../item.ts';
import { quantile } from '../support/quantile.ts';

const bound = 300;

export const joinsItem: Item = {
  name: 'joins',
  line: '1,000 hosts that join all at once, after as many before, have their attestation, mTLS and first push',
  bound: `none fails; ${bound} a second of the control plane's CPU, all its threads`,
  async run({ progress }) {
    const result = await runJoins({ joins: 1000, services: 250, before: 1000, atOnce: 64, say: progress });
    const { failed, error, cpuMs, joinsASecondOfCpu, wallMs, loopMaxMs, loopP99Ms, totalMs } = result;
    return {
      ok: failed === 0 && joinsASecondOfCpu >= bound,
      figures: {
        joinsASecondOfCpu: Math.round(joinsASecondOfCpu),
        cpuMsEach: Math.round((cpuMs / result.joins) * 100) / 100,
        wallMs: Math.round(wallMs),
        joinMedianMs: Math.round(quantile(totalMs, 0.5)),
        joinP99Ms: Math.round(quantile(totalMs, 0.99)),
        loopP99Ms: Math.round(loopP99Ms * 10) / 10,
        loopMaxMs: Math.round(loopMaxMs * 10) / 10,
        failed,
        ...(error === undefined ? {} : { error }),
      },
    };
  },
};
