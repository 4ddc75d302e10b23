// Every CA backend there is, against the contract.
import { createCaFolder } from '../../src/identity/ca/ca-folder.ts';
import { authorities } from '../../src/identity/catalog.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { authorityContract } from './authority-contract.ts';

const builtIn = await authorities['built-in']();

authorityContract('built-in', {
  open: (dir, trustDomain) =>
    builtIn.create({
      storage: createCaFolder(`${dir}/ca`),
      trustDomain,
      options: {},
      clock: systemClock,
      log: silentLog,
    }),
});
