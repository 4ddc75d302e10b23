// A process that opens the built-in authority in the folder it is given, and prints the bundle.
import { openAuthority } from '../../src/identity/open-authority.ts';
import { bundlePem } from '../../src/identity/trust-bundle.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { domainOf } from './identity-harness.ts';

const [, , dir = ''] = process.argv;
const trustDomain = domainOf('td1');
const authority = await openAuthority({}, { dir, trustDomain, clock: systemClock, log: silentLog });
await authority.close();
process.stdout.write(bundlePem(authority.bundle.value()));
process.disconnect();
