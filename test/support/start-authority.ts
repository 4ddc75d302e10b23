// A process that starts the built-in authority in the folder it is given, and prints the bundle.
import { createBuiltInAuthority } from '../../src/identity/ca/built-in.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { domainOf } from './identity-harness.ts';

const [, , dir = ''] = process.argv;
const authority = await createBuiltInAuthority({
  dir,
  trustDomain: domainOf('td1'),
  clock: systemClock,
  log: silentLog,
});
authority.close();
process.stdout.write(await authority.bundle());
process.disconnect();
